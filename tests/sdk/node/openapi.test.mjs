// The older Node.js client, `@volcengine/openapi`: its generic service, which
// never signs the host, in each way of sending that it offers.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ACCESS_KEY, ENDPOINT, NUMBERS, POOL, Refused, SECRET_KEY, load } from './account.mjs';
import { contract } from './contract.mjs';

const { Service, Signer } = load('@volcengine/openapi');

const VERSION = '2022-01-01';

const serviceOf = (accessKeyId, secretKey) =>
  new Service({
    host: ENDPOINT,
    protocol: 'http:',
    serviceName: 'vms',
    defaultVersion: VERSION,
    region: 'cn-north-1',
    accessKeyId,
    secretKey,
  });

const resultOf = (answer) => {
  const error = answer.ResponseMetadata.Error;
  if (error) throw new Refused(error);
  return answer.Result;
};

// `create` is the name of the service's method that makes a request function.
const clientOf = (create, accessKey = ACCESS_KEY, secret = SECRET_KEY) => {
  const service = serviceOf(accessKey, secret);
  return {
    timesInLists: create === 'createJSONAPI' ? String : Number,
    call: async (action, parameters) => resultOf(await service[create](action)(parameters)),
    withKeys: (access, other) => clientOf(create, access, other),
    listForms: (values) => [values, values.join(',')],
  };
};

describe('sending JSON', () => contract(clientOf('createJSONAPI')));
describe('sending forms', () => contract(clientOf('createUrlEncodeAPI')));

describe('sending queries', () => {
  const get = (parameters) =>
    serviceOf(ACCESS_KEY, SECRET_KEY).createAPI('NumberList', { method: 'GET' })(parameters);

  test('the answer names the region that was signed', async () => {
    const { ResponseMetadata: metadata } = await get({ NumberPoolNo: POOL });
    assert.equal(metadata.Action, 'NumberList');
    assert.equal(metadata.Version, VERSION);
    assert.equal(metadata.Service, 'vms');
    assert.equal(metadata.Region, 'cn-north-1');
    assert.match(metadata.RequestId, /^\d{26}[0-9A-F]{6}$/);
  });

  test('a list goes as a repeated name', async () => {
    const wanted = [...NUMBERS.keys()].sort().reverse().slice(0, 3);
    const found = resultOf(await get({ NumberPoolNo: POOL, NumberList: wanted, Limit: 5 }));
    assert.deepEqual(found.Records.map((each) => each.Number).sort(), wanted.sort());
  });

  test('a signed address lists numbers without a header', async () => {
    const params = { Action: 'NumberList', Version: VERSION, NumberPoolNo: POOL, Limit: 3 };
    const request = { region: 'cn-north-1', method: 'GET', pathname: '/', params };
    const keys = { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY };
    const query = new Signer(request, 'vms').getSignUrl(keys);
    const answer = await fetch(`http://${ENDPOINT}/?${query}`);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).Result.Total, NUMBERS.size);
    const forged = await fetch(`http://${ENDPOINT}/?${query.replace('Limit=3', 'Limit=4')}`);
    assert.equal(forged.status, 401);
  });
});
