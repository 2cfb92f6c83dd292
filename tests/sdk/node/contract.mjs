// What any client must find true, whatever it sends its requests like.
//
// A suite gives `client`, an object with
//
//   call(action, parameters)  resolves to the value of `Result`, or throws `Refused`
//   withKeys(access, secret)  the same client with other keys
//   losingOneAnswer(work)     runs `work` while the first answer is lost after the
//                             server gave it; absent if the client never tries again
//   listForms(values)         every way in which the client can send a list
//   timesInLists              the type of a time in a list of bindings

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  ACCESS_KEY,
  ACCOUNT_ID,
  BEIJING,
  CALL_A,
  CALL_B,
  CALL_ID,
  CALL_X,
  JINAN,
  NUMBERS,
  POOL,
  QINGDAO,
  Refused,
  SECRET_KEY,
  SHANGHAI,
  SHENZHEN,
  at,
  inAnHour,
  partyInJinan,
  partyInShenyang,
} from './account.mjs';

const [BOUND, UNBOUND] = [1, 0];
const CHINESE_AND_EMOJI = '订单 8866·加急 📦👩‍💻 a&b=c+d%2B "引号" \'100%\' (!*)';

const refusedWith = async (work, code, { number, status = 200 } = {}) => {
  const refused = await work().then(
    () => assert.fail(`${code} was expected, and the request succeeded`),
    (error) => error,
  );
  assert.ok(refused instanceof Refused, refused);
  assert.equal(refused.code, code, refused.message);
  assert.equal(refused.number, number, refused.message);
  if (refused.status !== undefined) assert.equal(refused.status, status, refused.message);
  assert.ok(refused.text);
  return refused;
};

const numbersIn = (city) => [...NUMBERS].filter(([, of]) => of === city).map(([number]) => number);

export const contract = (client) => {
  const { call } = client;
  const bind = (a, parameters = {}, by = call) =>
    by('SelectNumberAndBindAXB', {
      NumberPoolNo: POOL,
      PhoneNoA: a,
      ExpireTime: inAnHour(),
      ...parameters,
    });
  const query = (subId) => call('QuerySubscription', { NumberPoolNo: POOL, SubId: subId });
  const bindingsOf = (a, filters = {}) =>
    call('QuerySubscriptionForList', { NumberPoolNo: POOL, PhoneNoA: a, ...filters });
  const unbind = (subId) => call('UnbindAXB', { NumberPoolNo: POOL, SubId: subId });

  lives({ call, bind, query, bindingsOf, unbind, client });
  requests({ bind, query, bindingsOf, client });
  keys({ call, bind, bindingsOf, client });
  numbers({ call, client });
  calls({ call, client });
  risk({ call, bind });
};

const calls = ({ call, client }) => {
  const nobody = 'S0010_0000000000000007';

  test('a call is found by its id with everything it left', async () => {
    for (const form of client.listForms([nobody, CALL_ID])) {
      const found = await call('QueryCallRecordMsgV2', { CallIdList: form });
      assert.equal(found.Records.length, 1);
      assert.equal(found.Records[0].PhoneNoX, CALL_X);
    }
    const [record] = await call('QueryCallRecordMsg', { CallIdList: CALL_ID });
    assert.equal(record.CallId, CALL_ID);
    assert.equal(record.SubscriptionId, CALL_ID.split('_')[0]);
    assert.deepEqual([record.Caller, record.Callee], [CALL_A, CALL_B]);
    assert.deepEqual([record.CallResult, record.ReleaseType], [1, 1]);
    assert.equal(record.UserData, 'a call for the suites');
    assert.ok(Math.abs(record.BeginCallTime - Date.now()) < 3_600_000);
    assert.ok(record.BeginCallTime + 1000 * record.CallDuration <= record.EndTime);
    assert.deepEqual(await call('QueryCallRecordMsg', { CallIdList: [nobody] }), []);
  });

  test('the recording of a call and its text are fetched by their links', async () => {
    const links = await call('QueryAudioRecordFileUrl', { CallId: CALL_ID });
    for (const side of ['', 'Left', 'Right']) {
      const link = links[`AudioRecord${side}FileUrl`];
      const answer = await fetch(link);
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'audio/wav']);
      assert.equal(Buffer.from(await answer.arrayBuffer()).toString('latin1', 0, 4), 'RIFF');
      const forged = await fetch(link.replace('x-expires=', 'x-expires=9'));
      assert.equal(forged.status, 403);
      await forged.arrayBuffer();
    }
    const missing = () => call('QueryAudioRecordFileUrl', { CallId: nobody });
    await refusedWith(missing, 'RecordingNotFound', { status: 404 });
    const texts = await call('QueryAudioRecordToTextFileUrlV2', { CallIdList: [CALL_ID] });
    const text = await fetch(texts.Records[0].AudioRecordToTextFileUrl);
    assert.ok(Number(await text.text()) > 1000, 'the transcriber counts what it hears');
  });
};

const risk = ({ call, bind }) => {
  test('a number on the blacklist is not bound nor called', async () => {
    const number = partyInShenyang();
    const canCall = async () => {
      const asked = { CustomerNumberList: [number], BusinessLineId: ACCOUNT_ID, CallType: 1 };
      const [answer] = await call('QueryCanCall', asked);
      assert.equal(answer.customerNumber, number);
      return answer.status;
    };
    const entry = { CustomerNumber: number, ServiceType: 200, SubServiceType: 201 };
    assert.equal(await canCall(), 0);
    for (const Type of [1, 5]) {
      const frozen = { ...entry, Type, FreezeTime: 12, Remark: '投诉 three times' };
      assert.equal(await call('AddBlackList', frozen), 'success');
    }
    assert.equal(await canCall(), -1);
    await refusedWith(() => bind(number), 'PhoneNoARiskFrozen');
    for (const Type of [1, 5]) {
      assert.equal(await call('DeleteBlackList', { ...entry, Type }), 'success');
    }
    assert.equal(await canCall(), 0);
    assert.equal((await bind(number)).Status, BOUND);
  });
};

const lives = ({ call, bind, query, bindingsOf, unbind, client }) => {
  test('an AX lives from its binding to its end', async () => {
    const [a, expires] = [partyInShenyang(), inAnHour()];
    const bound = await bind(a, { ExpireTime: expires, CityCode: BEIJING, OutId: 'out-17' });
    assert.equal(NUMBERS.get(bound.PhoneNoX), BEIJING);
    assert.match(bound.SubId, new RegExp(`^S\\d{10}${bound.PhoneNoX.slice(-4)}[0-9a-f]{7}$`));
    assert.equal(bound.Status, BOUND);
    assert.equal(bound.PhoneNoXCityCode, BEIJING);
    assert.equal(bound.PhoneNoA, a);
    assert.equal(bound.PhoneNoACityCode, '024');
    assert.ok(!('PhoneNoB' in bound) && !('PhoneNoBCityCode' in bound));

    const seen = await query(bound.SubId);
    assert.equal(seen.PhoneNoX, bound.PhoneNoX);
    assert.equal(seen.PhoneNoA, a);
    assert.equal(seen.Status, BOUND);
    assert.equal(seen.ExpireTime, expires);
    assert.equal(seen.RecordFlag, 1);
    assert.equal(seen.OutId, 'out-17');

    assert.equal(await unbind(bound.SubId), true);
    assert.equal((await query(bound.SubId)).Status, UNBOUND);
    await refusedWith(() => unbind(bound.SubId), 'SubscriptionEmpty');
  });

  test('an AXB lives from its binding to its end', async () => {
    const [a, b, other] = [partyInShenyang(), partyInJinan(), partyInJinan()];
    const bound = await bind(a, { PhoneNoB: b, CityCodeByPhoneNo: 'B' });
    assert.equal(NUMBERS.get(bound.PhoneNoX), JINAN);
    assert.equal(bound.PhoneNoB, b);
    assert.equal(bound.PhoneNoBCityCode, JINAN);

    const update = (UpdateType, value) =>
      call('UpdateAXB', { NumberPoolNo: POOL, SubId: bound.SubId, UpdateType, ...value });
    const later = inAnHour() + 600;
    assert.equal(await update('updateExpireTime', { ExpireTime: later }), true);
    assert.equal(await update('updateUserData', { UserData: CHINESE_AND_EMOJI }), true);
    assert.equal(await update('updatePhoneNoB', { PhoneNoB: other }), true);
    const seen = await query(bound.SubId);
    assert.equal(seen.ExpireTime, later);
    assert.equal(seen.UserData, CHINESE_AND_EMOJI);
    assert.equal(seen.PhoneNoB, other);
    assert.equal(seen.PhoneNoX, bound.PhoneNoX);

    const ended = await call('UnbindAXBV2', { NumberPoolNo: POOL, SubId: bound.SubId });
    assert.deepEqual(ended, { Success: true });
    await refusedWith(() => unbind(bound.SubId), 'SubscriptionEmpty');
  });

  test('an AX is upgraded to an AXB on the same number', async () => {
    const b = partyInJinan();
    const ax = await bind(partyInShenyang(), { CityCode: SHANGHAI });
    const wanted = { NumberPoolNo: POOL, SubId: ax.SubId, PhoneNoB: b };
    const axb = await call('UpgradeAXToAXB', wanted);
    assert.notEqual(axb.SubId, ax.SubId);
    assert.equal(axb.PhoneNoX, ax.PhoneNoX);
    assert.equal(axb.PhoneNoB, b);
    assert.equal((await query(ax.SubId)).Status, UNBOUND);
    assert.equal((await query(axb.SubId)).Status, BOUND);
  });

  test('bindings are listed page by page', async () => {
    const [a, expires, ids] = [partyInShenyang(), inAnHour(), []];
    for (let count = 0; count < 3; count += 1) {
      const bound = await bind(a, { PhoneNoB: partyInJinan(), ExpireTime: expires });
      ids.push(bound.SubId);
    }
    await unbind(ids[0]);
    const live = await bindingsOf(a, { Status: BOUND });
    assert.equal(live.Total, 2);
    assert.deepEqual(live.Records.map((each) => each.SubId).sort(), ids.slice(1).sort());
    for (const record of live.Records) {
      assert.deepEqual(record.ExpireTime, client.timesInLists(expires));
    }
    const first = await bindingsOf(a, { Limit: 2, Offset: 0 });
    const second = await bindingsOf(a, { Limit: 2, Offset: 2 });
    assert.deepEqual([first.Total, first.Limit, first.Offset], [3, 2, 0]);
    const paged = [...first.Records, ...second.Records].map((each) => each.SubId);
    assert.deepEqual(paged.sort(), [...ids].sort());
  });
};

const requests = ({ bind, query, bindingsOf, client }) => {
  test('every form of a list is understood', async () => {
    for (const form of client.listForms([QINGDAO, JINAN, SHANGHAI])) {
      const wanted = { CityCode: SHENZHEN, DegradeCityList: form };
      const bound = await bind(partyInShenyang(), wanted);
      assert.equal(bound.PhoneNoXCityCode, JINAN, JSON.stringify(form));
    }
  });

  test('the capital of the province stands in for a city', async () => {
    for (const form of client.listForms(['PNPC'])) {
      const bound = await bind(partyInShenyang(), { CityCode: QINGDAO, DegradeCityList: form });
      assert.equal(bound.PhoneNoXCityCode, JINAN, JSON.stringify(form));
    }
  });

  test('a city that was named and has no number is refused', () =>
    refusedWith(() => bind(partyInShenyang(), { CityCode: SHENZHEN }), 'NumberNotEnough'));

  test('integers may come as numbers or as text', async () => {
    for (const form of [Number, String]) {
      const expires = inAnHour();
      const bound = await bind(partyInShenyang(), {
        PhoneNoB: partyInJinan(),
        ExpireTime: form(expires),
        AudioRecordFlag: form(0),
        RandomFlag: form(1),
        AxConflictAxbFlag: form(0),
      });
      const seen = await query(bound.SubId);
      assert.equal(seen.ExpireTime, expires, form.name);
      assert.equal(seen.RecordFlag, 0, form.name);
    }
  });

  test('user data keeps Chinese and emoji', async () => {
    const wanted = { UserData: CHINESE_AND_EMOJI, OutId: '编号①' };
    const seen = await query((await bind(partyInShenyang(), wanted)).SubId);
    assert.equal(seen.UserData, CHINESE_AND_EMOJI);
    assert.equal(seen.OutId, '编号①');
  });

  test('a parameter without a value is as good as absent', async () => {
    const empty = { PhoneNoB: undefined, UserData: null, OutId: '' };
    const bound = await bind(partyInShenyang(), { CityCode: BEIJING, ...empty });
    assert.ok(!('PhoneNoB' in bound));
  });

  test('a dry run binds nothing', async () => {
    const a = partyInShenyang();
    await refusedWith(() => bind(a, { DryRun: true }), 'DryRunOperation', { status: 400 });
    assert.equal((await bindingsOf(a)).Total, 0);
  });

  test('a bad parameter is named and changes nothing', async () => {
    const a = partyInShenyang();
    const tooSoon = Math.floor(Date.now() / 1000) + 30;
    const work = () => bind(a, { ExpireTime: tooSoon });
    const refused = await refusedWith(work, 'InvalidParameter', { status: 400 });
    assert.match(refused.text, /ExpireTime/);
    assert.equal((await bindingsOf(a)).Total, 0);
  });
};

const keys = ({ call, bind, bindingsOf, client }) => {
  test('a wrong secret is refused', async () => {
    const a = partyInShenyang();
    const stranger = client.withKeys(ACCESS_KEY, 'bm90LXRoZS1zZWNyZXQ=');
    const expected = { number: 100010, status: 401 };
    await refusedWith(() => bind(a, {}, stranger.call), 'SignatureDoesNotMatch', expected);
    assert.equal((await bindingsOf(a)).Total, 0);
  });

  test('an unknown key is refused', () => {
    const stranger = client.withKeys('AKLTnosuchkey', SECRET_KEY);
    const work = () => stranger.call('NumberPoolList', { Limit: 1 });
    return refusedWith(work, 'InvalidAccessKey', { number: 100009, status: 401 });
  });

  test('a signature of another time is refused', async () => {
    for (const seconds of [-1200, 1200]) {
      const work = () => at(Date.now() + seconds * 1000, () => call('NumberPoolList', { Limit: 1 }));
      await refusedWith(work, 'InvalidTimestamp', { number: 100006, status: 400 });
    }
  });

  test('a repeated key binds once', async () => {
    for (const name of ['IdempotentId', 'ClientToken']) {
      const a = partyInShenyang();
      const same = { [name]: randomUUID(), ExpireTime: inAnHour() };
      const first = await bind(a, same);
      assert.deepEqual(await bind(a, same), first);
      assert.equal((await bindingsOf(a)).Total, 1);
      const changed = () => bind(a, { ...same, UserData: 'something else' });
      await refusedWith(changed, 'IdempotentParameterMismatch', { status: 400 });
    }
  });

  if (!client.losingOneAnswer) return;
  test('an answer lost on the way makes no second binding', async () => {
    const a = partyInShenyang();
    const work = () => bind(a, { IdempotentId: randomUUID() });
    const [bound, lost] = await client.losingOneAnswer(work);
    assert.equal(lost, 1);
    const found = await bindingsOf(a);
    assert.deepEqual(
      found.Records.map((each) => each.SubId),
      [bound.SubId],
    );
  });
};

const numbers = ({ call, client }) => {
  const statusOf = async (x) => {
    const found = await call('NumberList', { NumberPoolNo: POOL, NumberList: [x] });
    return found.Records[0].NumberStatusCode;
  };

  test('numbers are listed and filtered', async () => {
    const page = await call('NumberList', { NumberPoolNo: POOL, Limit: 7, Offset: 5 });
    assert.deepEqual([page.Total, page.Limit, page.Offset], [NUMBERS.size, 7, 5]);
    assert.equal(page.Records.length, 7);
    assert.ok(page.Records.every((each) => NUMBERS.has(each.Number)));
    const wanted = [...NUMBERS.keys()].sort().slice(-2);
    for (const form of client.listForms(wanted)) {
      const found = await call('NumberList', { NumberPoolNo: POOL, NumberList: form });
      assert.deepEqual(found.Records.map((each) => each.Number).sort(), wanted);
    }
  });

  test('a disabled number is not bound until it is enabled', async () => {
    const x = numbersIn(SHANGHAI).at(-1);
    const named = {
      NumberPoolNo: POOL,
      PhoneNoA: partyInShenyang(),
      PhoneNoB: partyInJinan(),
      PhoneNoX: x,
      ExpireTime: inAnHour(),
    };
    await call('EnableOrDisableNumber', { NumberList: [x], EnableCode: 2 });
    assert.equal(await statusOf(x), 2);
    await refusedWith(() => call('BindAXB', named), 'BlockNumber');
    await call('EnableOrDisableNumber', { NumberList: [x], EnableCode: 1 });
    assert.equal(await statusOf(x), 1);
    assert.equal((await call('BindAXB', named)).PhoneNoX, x);
    await refusedWith(() => call('BindAXB', named), 'ConflictWithExisting');
  });

  test('a pool is made, renamed and listed', async () => {
    const wanted = { Name: '北京 pool', ServiceType: 200, SubServiceType: 201 };
    const made = await call('CreateNumberPool', wanted);
    assert.match(made.NumberPoolNo, /^NP\d{18}$/);
    const renamed = { NumberPoolNo: made.NumberPoolNo, Name: 'renamed 🏷' };
    assert.equal(await call('UpdateNumberPool', renamed), true);
    const found = await call('NumberPoolList', { NumberPoolNo: made.NumberPoolNo });
    assert.equal(found.Total, 1);
    assert.equal(found.Records[0].NumberPoolName, 'renamed 🏷');
    assert.equal(found.Records[0].NumberCount, 0);
  });
};
