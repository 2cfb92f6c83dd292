// The newer Node.js client, `@volcengine/sdk-core`: commands over JSON, forms
// and queries, region cn-beijing, retries of its own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ACCESS_KEY, ENDPOINT, NUMBERS, POOL, Refused, SECRET_KEY, load } from './account.mjs';
import { contract } from './contract.mjs';

const { Client, Command, HttpRequestError } = load('@volcengine/sdk-core');

const VERSION = '2022-01-01';
const JSON_TYPE = 'application/json; charset=utf-8';
const FORM_TYPE = 'application/x-www-form-urlencoded';

const commandOf = (action, input, contentType, method = 'POST') => {
  const command = new Command(input);
  command.requestConfig = {
    method,
    contentType,
    serviceName: 'vms',
    params: { Action: action, Version: VERSION },
  };
  return command;
};

const sdkOf = (accessKeyId, secretAccessKey) =>
  new Client({
    host: ENDPOINT,
    protocol: 'http',
    region: 'cn-beijing',
    accessKeyId,
    secretAccessKey,
    retryStrategy: { minRetryDelay: 1 },
  });

const send = async (sdk, command) => {
  try {
    return await sdk.send(command);
  } catch (failure) {
    const error = failure.data?.ResponseMetadata?.Error;
    assert.ok(failure instanceof HttpRequestError && error, failure);
    throw new Refused(error, failure.status);
  }
};

const clientOf = (contentType, accessKey = ACCESS_KEY, secret = SECRET_KEY) => {
  const sdk = sdkOf(accessKey, secret);
  return {
    timesInLists: contentType === JSON_TYPE ? String : Number,
    call: async (action, parameters) =>
      (await send(sdk, commandOf(action, parameters, contentType))).Result,
    withKeys: (access, other) => clientOf(contentType, access, other),
    listForms: (values) => [values, values.join(',')],
    losingOneAnswer: (work) => losingOneAnswer(sdk, work),
  };
};

// The client's own retry sends the same bytes again.
const losingOneAnswer = async (sdk, work) => {
  const handler = sdk.requestHandler;
  const request = handler.request.bind(handler);
  let lost = 0;
  handler.request = async (config) => {
    const answer = await request(config);
    if (lost === 0) {
      lost += 1;
      throw Object.assign(new Error('the answer was lost'), { code: 'ECONNRESET' });
    }
    return answer;
  };
  try {
    return [await work(), lost];
  } finally {
    handler.request = request;
  }
};

describe('sending JSON', () => contract(clientOf(JSON_TYPE)));
describe('sending forms', () => contract(clientOf(FORM_TYPE)));

describe('sending queries', () => {
  test('a list goes as numbered names, and the region comes back', async () => {
    const wanted = [...NUMBERS.keys()].sort().slice(0, 3);
    const input = { NumberPoolNo: POOL, NumberList: wanted, Limit: 5 };
    const command = commandOf('NumberList', input, 'text/plain', 'GET');
    const answer = await send(sdkOf(ACCESS_KEY, SECRET_KEY), command);
    assert.deepEqual(answer.Result.Records.map((each) => each.Number).sort(), wanted);
    assert.equal(answer.ResponseMetadata.Action, 'NumberList');
    assert.equal(answer.ResponseMetadata.Region, 'cn-beijing');
    assert.match(answer.ResponseMetadata.RequestId, /^\d{26}[0-9A-F]{6}$/);
  });
});
