"""The older Python client, `volcengine`: forms, lists as repeated keys or with
commas, region cn-north-1, a second try on any failure."""

import contextlib
import copy
import datetime
import unittest
from unittest import mock

import requests
from volcengine.ApiInfo import ApiInfo
from volcengine.auth.SignerV4 import SignerV4
from volcengine.vms.VmsService import VmsService

from account import ACCESS_KEY, ENDPOINT, NUMBERS, POOL, SECRET_KEY, Refused
from contract import Contract
from losses import Losses

METHODS = {
    "BindAXB": "bind_axb",
    "CreateNumberPool": "create_number_pool",
    "EnableOrDisableNumber": "enable_or_disable_number",
    "NumberList": "number_list",
    "NumberPoolList": "number_pool_list",
    "QueryAudioRecordFileUrl": "query_audio_record_file_url",
    "QueryAudioRecordToTextFileUrl": "query_audio_record_to_text_file_url",
    "QueryCallRecordMsg": "query_call_record_msg",
    "QuerySubscription": "query_subscription",
    "QuerySubscriptionForList": "query_subscription_for_list",
    "SelectNumberAndBindAXB": "select_number_and_bind_axb",
    "UnbindAXB": "unbind_axb",
    "UpdateAXB": "update_axb",
    "UpdateNumberPool": "update_number_pool",
    "UpgradeAXToAXB": "upgrade_ax_to_axb",
}


class Client:
    """The client's own methods behind the words of the contract."""

    times_in_lists = int

    def __init__(self, access_key=ACCESS_KEY, secret=SECRET_KEY):
        self.access_key = access_key
        self.secret = secret
        self.last_status = None
        self.last_metadata = None
        self.service = VmsService()
        self.service.set_host(ENDPOINT)

    def call(self, action, **parameters):
        # The service is one object for the whole process: take it over anew.
        self.service.set_ak(self.access_key)
        self.service.set_sk(self.secret)
        self.service.session.hooks["response"] = [self._note]
        answer = self._send(action, copy.deepcopy(parameters))
        self.last_metadata = answer["ResponseMetadata"]
        error = self.last_metadata.get("Error")
        if error:
            raise Refused(error, self.last_status)
        return answer["Result"]

    def _send(self, action, parameters):
        if action in METHODS:
            return getattr(self.service, METHODS[action])(parameters)
        # It has no method of its own for this one: name it to the client's general way.
        named = {"Action": action, "Version": "2022-01-01"}
        self.service.api_info.setdefault(action, ApiInfo("POST", "/", named, {}, {}))
        return self.service.common_handler(action, parameters)

    def call_records(self, ids):
        return self.call("QueryCallRecordMsg", CallIdList=ids)

    def transcripts(self, ids):
        return self.call("QueryAudioRecordToTextFileUrl", CallIdList=ids)

    def _note(self, response, *_args, **_kwargs):
        self.last_status = response.status_code

    def unbind(self, **parameters):
        return self.call("UnbindAXB", **parameters)

    def rename_pool(self, **parameters):
        return self.call("UpdateNumberPool", **parameters)

    def with_secret(self, secret):
        return Client(self.access_key, secret)

    def with_access_key(self, key):
        return Client(key, self.secret)

    @contextlib.contextmanager
    def at(self, time):
        moment = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
        shown = moment.strftime("%Y%m%dT%H%M%SZ")
        with mock.patch.object(SignerV4, "get_current_format_date", lambda: shown):
            yield

    @contextlib.contextmanager
    def losing_one_answer(self):
        error = requests.ConnectionError("the answer was lost")
        losses = Losses(self.service.session.post, error)
        with mock.patch.object(self.service.session, "post", losses):
            yield losses

    def list_forms(self, values):
        return [values, ",".join(values), "%2C".join(values), str(values)]


class VolcengineTest(Contract, unittest.TestCase):
    def setUp(self):
        self.client = Client()

    def test_the_answer_names_the_region_that_was_signed(self):
        self.client.call("NumberPoolList", Limit=1)
        metadata = self.client.last_metadata
        self.assertEqual(metadata["Action"], "NumberPoolList")
        self.assertEqual(metadata["Version"], "2022-01-01")
        self.assertEqual(metadata["Service"], "vms")
        self.assertEqual(metadata["Region"], "cn-north-1")
        self.assertRegex(metadata["RequestId"], r"^\d{26}[0-9A-F]{6}$")

    def test_a_signed_address_lists_numbers_without_a_header(self):
        self.client.call("NumberPoolList", Limit=1)
        wanted = {"NumberPoolNo": POOL, "Limit": "3"}
        query = self.client.service.get_sign_url("NumberList", wanted)
        answer = requests.get(f"http://{ENDPOINT}/?{query}", timeout=10)
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(answer.json()["Result"]["Total"], len(NUMBERS))
        forged = query.replace("Limit=3", "Limit=4")
        answer = requests.get(f"http://{ENDPOINT}/?{forged}", timeout=10)
        self.assertEqual(answer.status_code, 401)
        error = answer.json()["ResponseMetadata"]["Error"]
        self.assertEqual(error["Code"], "SignatureDoesNotMatch")
