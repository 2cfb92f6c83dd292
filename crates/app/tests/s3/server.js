// An S3 server for the tests: a bucket "voices" in the directory given, on a free port of the
// loopback address, which is printed. It knows one access key, S3RVER, and refuses others; the
// signatures themselves it does not compute. It stops when its standard input ends.
const path = require("node:path");
const [packages, directory] = process.argv.slice(2);
const S3rver = require(path.join(packages, "node_modules", "s3rver"));

const server = new S3rver({
  address: "127.0.0.1",
  port: 0,
  silent: true,
  directory,
  configureBuckets: [{ name: "voices" }],
});
server.run().then(({ port }) => console.log(port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
