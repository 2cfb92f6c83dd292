// What every suite knows: the server, the key, the pool and its numbers. The
// values come from the environment, set by `cargo xtask sdk`. Nothing here
// knows a particular client.

import { createRequire } from 'node:module';
import path from 'node:path';

const env = (name) => {
  const value = process.env[`AXBRIDGE_TEST_${name}`];
  if (!value) throw new Error(`AXBRIDGE_TEST_${name} is missing; run cargo xtask sdk`);
  return value;
};

export const ENDPOINT = env('ENDPOINT');
export const ACCESS_KEY = env('ACCESS_KEY');
export const SECRET_KEY = env('SECRET_KEY');
export const POOL = env('POOL');

// Each X of the pool with its city.
export const NUMBERS = new Map(
  env('NUMBERS')
    .split(',')
    .map((entry) => entry.split(':')),
);

// A recorded call that was made before the suites began.
export const [CALL_ID, ACCOUNT_ID, CALL_A, CALL_B, CALL_X] = env('CALL').split(',');

// The vendor's packages lie outside of this folder.
export const load = createRequire(path.join(env('PACKAGES'), 'package.json'));

export const [BEIJING, SHANGHAI, JINAN] = ['010', '021', '0531'];
export const [QINGDAO, SHENZHEN] = ['0532', '0755']; // no number of the pool is there

// The digit by which the suites of one run differ.
const SUITE = [...NUMBERS.keys()][0][7];

let counter = 0;
const next = () => String(++counter).padStart(3, '0');

// Real numbers that nobody used before, of a city without and one with numbers.
export const partyInShenyang = () => `1370000${SUITE}${next()}`;
export const partyInJinan = () => `1860531${SUITE}${next()}`;

// Unix seconds, well past the least allowed.
export const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

// The server's answer was an error. All clients are brought to this form.
export class Refused extends Error {
  constructor(error, status) {
    super(`${status ?? ''} ${JSON.stringify(error)}`);
    this.code = error.Code;
    this.number = error.CodeN || undefined; // only errors of the gateway carry one
    this.text = error.Message;
    this.status = status;
  }
}

// Runs `work` while every `new Date()` shows another time.
export const at = async (milliseconds, work) => {
  const RealDate = globalThis.Date;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length ? given : [milliseconds]));
    }
  };
  try {
    return await work();
  } finally {
    globalThis.Date = RealDate;
  }
};
