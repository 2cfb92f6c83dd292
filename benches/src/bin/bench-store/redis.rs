//! An allocator as a Lua script in Redis: draw a number, test both routes, write, all in one step.
//! Made durable by the server's `appendfsync always`.

use anyhow::{Context, Result, bail};
use axbridge_benches::world::NUMBERS;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    arguments::Arguments,
    closed_loop::{self, Caller},
    traffic::Traffic,
};

/// Binds A (1) and B (2) until (3).
const BIND: &str = "
local a, b, until_ms = ARGV[1], ARGV[2], ARGV[3]
for try = 1, 64 do
  local x = redis.call('SRANDMEMBER', 'pool')
  if redis.call('HEXISTS', 'r:' .. a, x) == 0 and redis.call('HEXISTS', 'r:' .. b, x) == 0 then
    local id = redis.call('INCR', 'id')
    redis.call('HSET', 'r:' .. a, x, b .. ':' .. id)
    redis.call('HSET', 'r:' .. b, x, a .. ':' .. id)
    redis.call('HSET', 'binding:' .. id, 'a', a, 'b', b, 'x', x, 'until', until_ms, 'out', 'order')
    redis.call('ZADD', 'ends', until_ms, id)
    return x
  end
end
return redis.error_reply('no number after 64 draws')
";

/// Makes numbers (1 = how many), or bindings from (1) to below (2) of B's (3) and A's (4).
const FILL: &str = "
if #ARGV == 1 then
  for n = 0, ARGV[1] - 1 do redis.call('SADD', 'pool', 17000000000 + n) end
  return 'OK'
end
local bs, as = tonumber(ARGV[3]), tonumber(ARGV[4])
for i = ARGV[1], ARGV[2] - 1 do
  local b, a = 15000000000 + i % bs, 13000000000 + (i * 7919) % as
  local x = 17000000000 + ((i % bs) * 7919 + math.floor(i / bs)) % 10000
  a, b, x = string.format('%d', a), string.format('%d', b), string.format('%d', x)
  local id = redis.call('INCR', 'id')
  redis.call('HSET', 'r:' .. a, x, b .. ':' .. id)
  redis.call('HSET', 'r:' .. b, x, a .. ':' .. id)
  redis.call('HSET', 'binding:' .. id, 'a', a, 'b', b, 'x', x, 'until', 1900000000, 'out', 'order')
  redis.call('ZADD', 'ends', 1900000000, id)
end
return 'OK'
";
const FILL_STEP: u64 = 20_000;

struct Connection {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            line: Vec::new(),
        })
    }

    /// Sends a command and returns its answer, which must be one line or one bulk string.
    async fn call(&mut self, words: &[&str]) -> Result<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let head = self.read_line().await?;
        match head.as_bytes().first() {
            Some(b'+' | b':') => Ok(head[1..].to_owned()),
            Some(b'$') => {
                let length: usize = head[1..].parse().context("a bulk string's length")?;
                let mut body = vec![0; length + 2];
                self.stream.read_exact(&mut body).await?;
                body.truncate(length);
                Ok(String::from_utf8(body)?)
            }
            _ => bail!("Redis answered {head}"),
        }
    }

    async fn read_line(&mut self) -> Result<String> {
        self.line.clear();
        let mut line = std::mem::take(&mut self.line);
        self.stream.read_until(b'\n', &mut line).await?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.line = line;
        Ok(text)
    }
}

struct Lua {
    connection: Connection,
    script: String,
    traffic: Traffic,
}

impl Caller for Lua {
    async fn bind(&mut self) -> Result<()> {
        let (a, b) = self.traffic.next_pair();
        let (a, b) = (a.to_string(), b.to_string());
        let words = ["EVALSHA", &self.script, "0", &a, &b, "1900000000"];
        self.connection.call(&words).await.map(drop)
    }
}

/// The script on the empty server at `--port` of the loopback address.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let port = arguments.port()?;
    let live = arguments.live;
    arguments.uniform_only()?;
    let mut control = Connection::open(port).await?;
    let bs = (live / axbridge_benches::world::BINDINGS_PER_B).max(1);
    control
        .call(&["EVAL", FILL, "0", &NUMBERS.to_string()])
        .await?;
    let fill = control.call(&["SCRIPT", "LOAD", FILL]).await?;
    let (bs, as_count) = (bs.to_string(), (live / 2).max(1).to_string());
    for first in (0..live).step_by(FILL_STEP as usize) {
        let last = (first + FILL_STEP).min(live).to_string();
        let first = first.to_string();
        control
            .call(&["EVALSHA", &fill, "0", &first, &last, &bs, &as_count])
            .await?;
    }
    let script = control.call(&["SCRIPT", "LOAD", BIND]).await?;
    for (round, (load, callers)) in arguments.rounds().enumerate() {
        let mut all = Vec::new();
        for index in 0..callers {
            all.push(Lua {
                connection: Connection::open(port).await?,
                script: script.clone(),
                traffic: Traffic::new(load, live, (round * callers + index) as u64 + 1),
            });
        }
        let outcome = closed_loop::run(all, arguments.duration).await?;
        println!("{}", outcome.json("redis", live, load.name(), callers));
    }
    Ok(())
}
