"""What any client must find true, whatever it sends its requests like.

A suite gives `client`, an object with

    call(action, **parameters)   the value of `Result`, or raises `Refused`
    unbind(**parameters)         ends a binding, by the client's own action
    with_secret(secret)          the same client with another secret
    with_access_key(key)         the same client with another key
    at(time)                     a context in which the client's clock shows `time`
    losing_one_answer()          a context that loses the first answer, once the
                                 server has given it
    list_forms(values)           every way in which the client can send a list
    times_in_lists               the type of a time in a list of bindings
    call_records(ids)            the records of calls, by the client's own action
    transcripts(ids)             the texts of calls, by the client's own action
"""

import re
import time
import urllib.error
import urllib.request
import uuid

from account import (
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
    SHANGHAI,
    SHENZHEN,
    Refused,
    in_an_hour,
    party_in_jinan,
    party_in_shenyang,
)

BOUND, UNBOUND = 1, 0
CHINESE_AND_EMOJI = "订单 8866·加急 📦👩‍💻 a&b=c+d%2B \"引号\" 100%"


class Contract:
    """Mixed into a `unittest.TestCase`."""

    def bind(self, a, **parameters):
        wanted = {"NumberPoolNo": POOL, "PhoneNoA": a, "ExpireTime": in_an_hour()}
        return self.client.call("SelectNumberAndBindAXB", **{**wanted, **parameters})

    def query(self, sub_id):
        return self.client.call("QuerySubscription", NumberPoolNo=POOL, SubId=sub_id)

    def bindings_of(self, a, **filters):
        return self.client.call(
            "QuerySubscriptionForList", NumberPoolNo=POOL, PhoneNoA=a, **filters
        )

    def assert_refused(self, code, work, *, number=None, status=None):
        with self.assertRaises(Refused) as caught:
            work()
        refused = caught.exception
        self.assertEqual(refused.code, code, refused)
        self.assertEqual(refused.number, number, refused)
        if refused.status is not None:
            self.assertEqual(refused.status, status or 200, refused)
        self.assertTrue(refused.message)
        return refused

    # The life of a binding

    def test_an_ax_lives_from_its_binding_to_its_end(self):
        a = party_in_shenyang()
        expires = in_an_hour()
        bound = self.bind(
            a, ExpireTime=expires, CityCode=BEIJING, UserData="ride 17", OutId="out-17"
        )
        x = bound["PhoneNoX"]
        self.assertEqual(NUMBERS[x], BEIJING)
        self.assertRegex(bound["SubId"], rf"^S\d{{10}}{x[-4:]}[0-9a-f]{{7}}$")
        self.assertEqual(bound["Status"], BOUND)
        self.assertEqual(bound["PhoneNoXCityCode"], BEIJING)
        self.assertEqual(bound["PhoneNoA"], a)
        self.assertEqual(bound["PhoneNoACityCode"], "024")
        self.assertIsNone(bound.get("PhoneNoB"))
        self.assertIsNone(bound.get("PhoneNoBCityCode"))

        seen = self.query(bound["SubId"])
        self.assertEqual(seen["SubId"], bound["SubId"])
        self.assertEqual(seen["PhoneNoA"], a)
        self.assertEqual(seen["PhoneNoX"], x)
        self.assertFalse(seen.get("PhoneNoB"))
        self.assertEqual(seen["Status"], BOUND)
        self.assertEqual(seen["ExpireTime"], expires)
        self.assertLess(abs(seen["EnableTime"] - time.time()), 300)
        self.assertEqual(seen["RecordFlag"], 1)
        self.assertEqual(seen["CallDisplayType"], 1)
        self.assertEqual(seen["UserData"], "ride 17")
        self.assertEqual(seen["OutId"], "out-17")

        self.assertIs(self.client.unbind(NumberPoolNo=POOL, SubId=bound["SubId"]), True)
        self.assertEqual(self.query(bound["SubId"])["Status"], UNBOUND)
        self.assert_refused(
            "SubscriptionEmpty",
            lambda: self.client.unbind(NumberPoolNo=POOL, SubId=bound["SubId"]),
        )

    def test_an_axb_lives_from_its_binding_to_its_end(self):
        a, b, other = party_in_shenyang(), party_in_jinan(), party_in_jinan()
        bound = self.bind(a, PhoneNoB=b, CityCodeByPhoneNo="B")
        sub_id, x = bound["SubId"], bound["PhoneNoX"]
        self.assertEqual(NUMBERS[x], JINAN)
        self.assertEqual(bound["PhoneNoXCityCode"], JINAN)
        self.assertEqual(bound["PhoneNoB"], b)
        self.assertEqual(bound["PhoneNoBCityCode"], JINAN)

        def update(kind, **value):
            return self.client.call(
                "UpdateAXB", NumberPoolNo=POOL, SubId=sub_id, UpdateType=kind, **value
            )

        later = in_an_hour() + 600
        self.assertIs(update("updateExpireTime", ExpireTime=later), True)
        self.assertIs(update("updateUserData", UserData=CHINESE_AND_EMOJI), True)
        self.assertIs(update("updateOutId", OutId="out-2"), True)
        self.assertIs(update("updatePhoneNoB", PhoneNoB=other), True)
        seen = self.query(sub_id)
        self.assertEqual(seen["ExpireTime"], later)
        self.assertEqual(seen["UserData"], CHINESE_AND_EMOJI)
        self.assertEqual(seen["OutId"], "out-2")
        self.assertEqual(seen["PhoneNoB"], other)
        self.assertEqual(seen["PhoneNoX"], x)

        self.assertIs(self.client.unbind(NumberPoolNo=POOL, SubId=sub_id), True)
        self.assert_refused(
            "SubscriptionEmpty", lambda: self.client.unbind(NumberPoolNo=POOL, SubId=sub_id)
        )

    def test_an_ax_is_upgraded_to_an_axb_on_the_same_number(self):
        a, b = party_in_shenyang(), party_in_jinan()
        ax = self.bind(a, CityCode=SHANGHAI)
        axb = self.client.call(
            "UpgradeAXToAXB", NumberPoolNo=POOL, SubId=ax["SubId"], PhoneNoB=b
        )
        self.assertNotEqual(axb["SubId"], ax["SubId"])
        self.assertEqual(axb["PhoneNoX"], ax["PhoneNoX"])
        self.assertEqual(axb["PhoneNoA"], a)
        self.assertEqual(axb["PhoneNoB"], b)
        self.assertEqual(self.query(ax["SubId"])["Status"], UNBOUND)
        self.assertEqual(self.query(axb["SubId"])["Status"], BOUND)
        self.assertIs(self.client.unbind(NumberPoolNo=POOL, SubId=axb["SubId"]), True)

    def test_bindings_are_listed_page_by_page(self):
        a, expires = party_in_shenyang(), in_an_hour()
        ids = [
            self.bind(a, PhoneNoB=party_in_jinan(), ExpireTime=expires)["SubId"]
            for _ in range(3)
        ]
        self.client.unbind(NumberPoolNo=POOL, SubId=ids[0])
        live = self.bindings_of(a, Status=BOUND)
        self.assertEqual(live["Total"], 2)
        self.assertEqual(sorted(each["SubId"] for each in live["Records"]), sorted(ids[1:]))
        for record in live["Records"]:
            self.assertEqual(record["ExpireTime"], self.client.times_in_lists(expires))
        ended = self.bindings_of(a, Status=UNBOUND)
        self.assertEqual([each["SubId"] for each in ended["Records"]], ids[:1])
        first = self.bindings_of(a, Limit=2, Offset=0)
        second = self.bindings_of(a, Limit=2, Offset=2)
        self.assertEqual((first["Total"], first["Limit"], first["Offset"]), (3, 2, 0))
        self.assertEqual((len(first["Records"]), len(second["Records"])), (2, 1))
        paged = first["Records"] + second["Records"]
        self.assertEqual(sorted(each["SubId"] for each in paged), sorted(ids))

    # What a client can send

    def test_every_form_of_a_list_is_understood(self):
        for form in self.client.list_forms([QINGDAO, JINAN, SHANGHAI]):
            with self.subTest(form=form):
                bound = self.bind(party_in_shenyang(), CityCode=SHENZHEN, DegradeCityList=form)
                self.assertEqual(bound["PhoneNoXCityCode"], JINAN)

    def test_the_capital_of_the_province_stands_in_for_a_city(self):
        for form in self.client.list_forms(["PNPC"]):
            with self.subTest(form=form):
                bound = self.bind(party_in_shenyang(), CityCode=QINGDAO, DegradeCityList=form)
                self.assertEqual(bound["PhoneNoXCityCode"], JINAN)

    def test_a_city_that_was_named_and_has_no_number_is_refused(self):
        self.assert_refused(
            "NumberNotEnough", lambda: self.bind(party_in_shenyang(), CityCode=SHENZHEN)
        )

    def test_integers_may_come_as_numbers_or_as_text(self):
        for form in (int, str):
            with self.subTest(form=form.__name__):
                expires = in_an_hour()
                bound = self.bind(
                    party_in_shenyang(),
                    PhoneNoB=party_in_jinan(),
                    ExpireTime=form(expires),
                    AudioRecordFlag=form(0),
                    RandomFlag=form(1),
                    AxConflictAxbFlag=form(0),
                    CallDisplayType=form(1),
                )
                seen = self.query(bound["SubId"])
                self.assertEqual(seen["ExpireTime"], expires)
                self.assertEqual(seen["RecordFlag"], 0)

    def test_user_data_keeps_chinese_and_emoji(self):
        bound = self.bind(party_in_shenyang(), UserData=CHINESE_AND_EMOJI, OutId="编号①")
        seen = self.query(bound["SubId"])
        self.assertEqual(seen["UserData"], CHINESE_AND_EMOJI)
        self.assertEqual(seen["OutId"], "编号①")

    def test_a_dry_run_binds_nothing(self):
        for form in (True, "true"):
            with self.subTest(form=form):
                a = party_in_shenyang()
                self.assert_refused(
                    "DryRunOperation", lambda: self.bind(a, DryRun=form), status=400
                )
                self.assertEqual(self.bindings_of(a)["Total"], 0)

    def test_a_bad_parameter_is_named_and_changes_nothing(self):
        a = party_in_shenyang()
        refused = self.assert_refused(
            "InvalidParameter",
            lambda: self.bind(a, ExpireTime=int(time.time()) + 30),
            status=400,
        )
        self.assertIn("ExpireTime", refused.message)
        refused = self.assert_refused(
            "InvalidParameter", lambda: self.bind("12345"), status=400
        )
        self.assertIn("PhoneNoA", refused.message)
        self.assertNotIn("12345", refused.message)
        self.assertEqual(self.bindings_of(a)["Total"], 0)

    def test_a_named_number_is_bound_once(self):
        a, b = party_in_shenyang(), party_in_jinan()
        x = next(number for number, city in NUMBERS.items() if city == SHANGHAI)
        named = {
            "NumberPoolNo": POOL,
            "PhoneNoA": a,
            "PhoneNoB": b,
            "PhoneNoX": x,
            "ExpireTime": in_an_hour(),
        }
        bound = self.client.call("BindAXB", **named)
        self.assertEqual((bound["PhoneNoX"], bound["Status"]), (x, BOUND))
        self.assert_refused("ConflictWithExisting", lambda: self.client.call("BindAXB", **named))
        self.assertEqual(self.bindings_of(a)["Total"], 1)

    # Who is asking

    def test_a_wrong_secret_is_refused(self):
        a = party_in_shenyang()
        stranger = self.client.with_secret("bm90LXRoZS1zZWNyZXQ=")
        self.assert_refused(
            "SignatureDoesNotMatch",
            lambda: stranger.call(
                "SelectNumberAndBindAXB",
                NumberPoolNo=POOL,
                PhoneNoA=a,
                ExpireTime=in_an_hour(),
            ),
            number=100010,
            status=401,
        )
        self.assertEqual(self.bindings_of(a)["Total"], 0)

    def test_an_unknown_key_is_refused(self):
        stranger = self.client.with_access_key("AKLTnosuchkey")
        self.assert_refused(
            "InvalidAccessKey",
            lambda: stranger.call("NumberPoolList", Limit=1),
            number=100009,
            status=401,
        )

    def test_a_signature_of_another_time_is_refused(self):
        for seconds in (-1200, 1200):
            with self.subTest(seconds=seconds), self.client.at(time.time() + seconds):
                self.assert_refused(
                    "InvalidTimestamp",
                    lambda: self.client.call("NumberPoolList", Limit=1),
                    number=100006,
                    status=400,
                )

    # Retries

    def test_a_repeated_key_binds_once(self):
        for name in ("IdempotentId", "ClientToken"):
            with self.subTest(name=name):
                a = party_in_shenyang()
                same = {name: str(uuid.uuid4()), "ExpireTime": in_an_hour()}
                first = self.bind(a, **same)
                self.assertEqual(self.bind(a, **same), first)
                self.assertEqual(self.bindings_of(a)["Total"], 1)
                self.assert_refused(
                    "IdempotentParameterMismatch",
                    lambda: self.bind(a, **{**same, "UserData": "something else"}),
                    status=400,
                )

    def test_an_answer_lost_on_the_way_makes_no_second_binding(self):
        a = party_in_shenyang()
        with self.client.losing_one_answer() as losses:
            bound = self.bind(a, IdempotentId=str(uuid.uuid4()))
        self.assertEqual(losses.count, 1)
        found = self.bindings_of(a)
        self.assertEqual([each["SubId"] for each in found["Records"]], [bound["SubId"]])

    # What calls leave

    def test_a_call_is_found_by_its_id_with_everything_it_left(self):
        nobody = "S0010_0000000000000007"
        for form in self.client.list_forms([nobody, CALL_ID]):
            with self.subTest(form=form):
                self.assertEqual(len(self.client.call_records(form)), 1)
        record = self.client.call_records([CALL_ID])[0]
        self.assertEqual(record["CallId"], CALL_ID)
        self.assertEqual(record["SubscriptionId"], CALL_ID.split("_")[0])
        self.assertEqual((record["Caller"], record["Callee"]), (CALL_A, CALL_B))
        # The older client's action does not tell X.
        self.assertEqual(record.get("PhoneNoX", CALL_X), CALL_X)
        self.assertEqual(record["AccountId"], ACCOUNT_ID)
        self.assertEqual(record["ServiceType"], 200)
        self.assertEqual(record["CallResult"], 1)
        self.assertEqual(record["ReleaseType"], 1)
        self.assertEqual(record["AudioRecordFlag"], 1)
        self.assertEqual(record["UserData"], "a call for the suites")
        begun, ended = int(record["BeginCallTime"]), int(record["EndTime"])
        self.assertLess(abs(begun / 1000 - time.time()), 3600)
        # The newer client's model has no field for it.
        self.assertTrue(begun + 1000 * record.get("CallDuration", 0) <= ended, record)
        self.assertEqual(self.client.call_records([nobody]), [])

    def test_the_recording_of_a_call_is_fetched_by_its_links(self):
        links = self.client.call("QueryAudioRecordFileUrl", CallId=CALL_ID)
        whole = {}
        for name in ("", "Left", "Right"):
            link = links[f"AudioRecord{name}FileUrl"]
            with urllib.request.urlopen(link, timeout=10) as answer:
                self.assertEqual(answer.headers["Content-Type"], "audio/wav")
                whole[name] = answer.read()
            self.assertEqual((whole[name][:4], whole[name][8:12]), (b"RIFF", b"WAVE"))
            part = urllib.request.Request(link, headers={"Range": "bytes=0-3"})
            with urllib.request.urlopen(part, timeout=10) as answer:
                self.assertEqual((answer.status, answer.read()), (206, b"RIFF"))
            with self.assertRaises(urllib.error.HTTPError) as forged:
                urllib.request.urlopen(link.replace("x-expires=", "x-expires=9"), timeout=10)
            self.assertEqual(forged.exception.code, 403)
        self.assertNotEqual(whole["Left"], whole["Right"])
        self.assert_refused(
            "RecordingNotFound",
            lambda: self.client.call(
                "QueryAudioRecordFileUrl", CallId="S0010_0000000000000007"
            ),
            status=404,
        )

    def test_the_text_of_a_call_is_fetched_by_its_link(self):
        (found,) = self.client.transcripts([CALL_ID])
        self.assertEqual(found["CallId"], CALL_ID)
        with urllib.request.urlopen(found["AudioRecordToTextFileUrl"], timeout=10) as answer:
            # The transcriber of the suites counts what it hears.
            self.assertGreater(int(answer.read()), 1000)

    # Risk control

    def can_call(self, number):
        (answer,) = self.client.call(
            "QueryCanCall",
            CustomerNumberList=[number],
            BusinessLineId=ACCOUNT_ID,
            CallType=1,
        )
        self.assertEqual(answer["customerNumber"], number)
        return answer["status"]

    def test_a_number_on_the_blacklist_is_not_bound_nor_called(self):
        number = party_in_shenyang()
        entry = {"CustomerNumber": number, "ServiceType": 200, "SubServiceType": 201}
        frozen = {**entry, "FreezeTime": 12, "Remark": "投诉 three times"}
        self.assertEqual(self.can_call(number), 0)
        for kind in (1, 5):
            self.assertEqual(self.client.call("AddBlackList", Type=kind, **frozen), "success")
        self.assertEqual(self.can_call(number), -1)
        self.assert_refused("PhoneNoARiskFrozen", lambda: self.bind(number))
        for kind in (1, 5):
            self.assertEqual(self.client.call("DeleteBlackList", Type=kind, **entry), "success")
        self.assertEqual(self.can_call(number), 0)
        self.assertEqual(self.bind(number)["Status"], BOUND)

    # Pools and numbers

    def test_numbers_are_listed_and_filtered(self):
        page = self.client.call("NumberList", NumberPoolNo=POOL, Limit=7, Offset=5)
        self.assertEqual((page["Total"], page["Limit"], page["Offset"]), (len(NUMBERS), 7, 5))
        self.assertEqual(len(page["Records"]), 7)
        for record in page["Records"]:
            self.assertIn(record["Number"], NUMBERS)
            self.assertEqual(record["NumberPoolNo"], POOL)
            self.assertEqual(record["NumberTypeCode"], 0)
        wanted = sorted(NUMBERS)[-2:]
        for form in self.client.list_forms(wanted):
            with self.subTest(form=form):
                found = self.client.call("NumberList", NumberPoolNo=POOL, NumberList=form)
                self.assertEqual(sorted(each["Number"] for each in found["Records"]), wanted)

    def test_a_disabled_number_is_not_bound_until_it_is_enabled(self):
        x = [number for number, city in NUMBERS.items() if city == SHANGHAI][-1]
        named = {
            "NumberPoolNo": POOL,
            "PhoneNoA": party_in_shenyang(),
            "PhoneNoB": party_in_jinan(),
            "PhoneNoX": x,
            "ExpireTime": in_an_hour(),
        }

        def switch(code):
            for form in self.client.list_forms([x]):
                self.client.call("EnableOrDisableNumber", NumberList=form, EnableCode=code)
            found = self.client.call("NumberList", NumberPoolNo=POOL, NumberList=[x])
            return found["Records"][0]["NumberStatusCode"]

        self.assertEqual(switch(2), 2)
        self.assert_refused("BlockNumber", lambda: self.client.call("BindAXB", **named))
        self.assertEqual(switch(1), 1)
        self.assertEqual(self.client.call("BindAXB", **named)["PhoneNoX"], x)

    def test_a_pool_is_made_renamed_and_listed(self):
        made = self.client.call(
            "CreateNumberPool", Name="上海 pool", ServiceType=200, SubServiceType=201
        )
        number = made["NumberPoolNo"]
        self.assertTrue(re.fullmatch(r"NP\d{18}", number), number)
        self.assertEqual(made["Name"], "上海 pool")
        self.assertIs(self.client.rename_pool(NumberPoolNo=number, Name="renamed 🏷"), True)
        found = self.client.call("NumberPoolList", NumberPoolNo=number)
        self.assertEqual(found["Total"], 1)
        self.assertEqual(found["Records"][0]["NumberPoolName"], "renamed 🏷")
        self.assertEqual(found["Records"][0]["SubServiceType"], 201)
        self.assertEqual(found["Records"][0]["NumberCount"], 0)
