"""The newer Python client, `volcengine-python-sdk`: JSON bodies, typed models,
region cn-beijing, retries of its own."""

import ast
import contextlib
import datetime
import json
import types
import unittest
from unittest import mock

import urllib3
import volcenginesdkcore
import volcenginesdkvms
from volcenginesdkcore import signv4
from volcenginesdkcore.rest import ApiException
from volcenginesdkcore.signv4 import SignerV4

from account import ACCESS_KEY, ENDPOINT, NUMBERS, POOL, SECRET_KEY, Refused
from contract import Contract
from losses import Losses

VERSION, SERVICE, REGION = "2022-01-01", "vms", "cn-beijing"

# Actions that the client has a model and a method for.
TYPED = {
    "CreateNumberPool": ("CreateNumberPoolRequest", "create_number_pool"),
    "EnableOrDisableNumber": ("EnableOrDisableNumberRequest", "enable_or_disable_number"),
    "NumberList": ("NumberListRequest", "number_list"),
    "NumberPoolList": ("NumberPoolListRequest", "number_pool_list"),
    "QueryAudioRecordFileUrl": (
        "QueryAudioRecordFileUrlRequest",
        "query_audio_record_file_url",
    ),
    "QueryAudioRecordToTextFileUrlV2": (
        "QueryAudioRecordToTextFileUrlV2Request",
        "query_audio_record_to_text_file_url_v2",
    ),
    "QueryCallRecordMsgV2": ("QueryCallRecordMsgV2Request", "query_call_record_msg_v2"),
    "QuerySubscription": ("QuerySubscriptionRequest", "query_subscription"),
    "SelectNumberAndBindAXB": ("SelectNumberAndBindAXBRequest", "select_number_and_bind_axb"),
    "UnbindAXBV2": ("UnbindAXBV2Request", "unbind_axbv2"),
    "UpdateNumberPoolV2": ("UpdateNumberPoolV2Request", "update_number_pool_v2"),
    "UpgradeAXToAXB": ("UpgradeAXToAXBRequest", "upgrade_axto_axb"),
}


def plain(value):
    """A model of the client as the value of `Result` that it stands for."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not hasattr(value, "attribute_map"):
        return value
    fields = value.attribute_map.items()
    return {name: plain(getattr(value, attribute)) for attribute, name in fields}


def refusal(failure):
    """The server's error inside the client's exception."""
    if failure.body:
        error = json.loads(failure.body)["ResponseMetadata"]["Error"]
    else:
        error = ast.literal_eval(failure.reason)
    return Refused(error, failure.status)


class Client:
    """The client's own methods behind the words of the contract."""

    times_in_lists = str

    def __init__(self, access_key=ACCESS_KEY, secret=SECRET_KEY):
        self.access_key = access_key
        self.secret = secret
        configuration = volcenginesdkcore.Configuration()
        configuration.ak = access_key
        configuration.sk = secret
        configuration.region = REGION
        configuration.host = ENDPOINT
        configuration.scheme = "http"
        self.api_client = volcenginesdkcore.ApiClient(configuration)
        self.typed = volcenginesdkvms.VMSApi(self.api_client)
        self.universal = volcenginesdkcore.UniversalApi(self.api_client)

    def call(self, action, **parameters):
        try:
            request = self._model(action, parameters)
            if request is None:
                return self.universal_call(action, parameters)
            return plain(getattr(self.typed, TYPED[action][1])(request))
        except ApiException as failure:
            raise refusal(failure) from failure

    def _model(self, action, parameters):
        """The typed request, unless its model lacks a parameter."""
        if action not in TYPED:
            return None
        model = getattr(volcenginesdkvms, TYPED[action][0])
        attributes = {name: attribute for attribute, name in model.attribute_map.items()}
        if not all(name in attributes for name in parameters):
            return None
        return model(**{attributes[name]: value for name, value in parameters.items()})

    def universal_call(self, action, parameters, method="POST", content_type="application/json"):
        info = volcenginesdkcore.UniversalInfo(
            method=method,
            service=SERVICE,
            version=VERSION,
            action=action,
            content_type=content_type,
        )
        return self.universal.do_call(info, parameters)

    def call_records(self, ids):
        return self.call("QueryCallRecordMsgV2", CallIdList=ids)["Records"]

    def transcripts(self, ids):
        return self.call("QueryAudioRecordToTextFileUrlV2", CallIdList=ids)["Records"]

    def unbind(self, **parameters):
        return self.call("UnbindAXBV2", **parameters)["Success"]

    def rename_pool(self, **parameters):
        return self.call("UpdateNumberPoolV2", **parameters)["Success"]

    def with_secret(self, secret):
        return Client(self.access_key, secret)

    def with_access_key(self, key):
        return Client(key, self.secret)

    @contextlib.contextmanager
    def at(self, time):
        class Frozen(datetime.datetime):
            @classmethod
            def utcnow(cls):
                moment = cls.fromtimestamp(time, datetime.timezone.utc)
                return moment.replace(tzinfo=None)

        with mock.patch.object(signv4, "datetime", types.SimpleNamespace(datetime=Frozen)):
            yield

    @contextlib.contextmanager
    def losing_one_answer(self):
        pool = self.api_client.rest_client.pool_manager
        error = urllib3.exceptions.ProtocolError("the answer was lost")
        losses = Losses(pool.request, error)
        with mock.patch.object(pool, "request", losses):
            yield losses

    def list_forms(self, values):
        return [values, ",".join(values)]


class VolcenginePythonSdkTest(Contract, unittest.TestCase):
    def setUp(self):
        self.client = Client()

    def test_the_answer_names_the_region_that_was_signed(self):
        request = volcenginesdkvms.NumberPoolListRequest(limit=1)
        metadata = self.client.typed.number_pool_list(request).metadata()
        self.assertEqual(metadata.action, "NumberPoolList")
        self.assertEqual(metadata.version, VERSION)
        self.assertEqual(metadata.service, SERVICE)
        self.assertEqual(metadata.region, REGION)
        self.assertRegex(metadata.request_id, r"^\d{26}[0-9A-F]{6}$")

    def test_the_typed_list_of_bindings_reads_its_times(self):
        bound = self.client.call(
            "SelectNumberAndBindAXB",
            NumberPoolNo=POOL,
            PhoneNoA="13700009999",
            ExpireTime=2_000_000_000,
        )
        request = volcenginesdkvms.QuerySubscriptionForListRequest(
            number_pool_no=POOL, sub_id=bound["SubId"]
        )
        found = self.client.typed.query_subscription_for_list(request)
        self.assertEqual(found.total, 1)
        self.assertEqual(found.records[0].expire_time, "2000000000")

    def test_forms_and_queries_number_the_elements_of_lists(self):
        wanted = sorted(NUMBERS)[:2]
        parameters = {"NumberPoolNo": POOL, "NumberList": wanted, "Limit": 5}
        sent = [("POST", "application/x-www-form-urlencoded"), ("GET", "text/plain")]
        for method, content_type in sent:
            with self.subTest(method=method):
                found = self.client.universal_call("NumberList", dict(parameters), method, content_type)
                self.assertEqual(sorted(each["Number"] for each in found["Records"]), wanted)

    def test_a_signed_address_lists_numbers_without_a_header(self):
        http = urllib3.PoolManager()
        wanted = {"Action": "NumberList", "Version": VERSION, "NumberPoolNo": POOL, "Limit": 3}
        for host in (None, ENDPOINT):
            with self.subTest(host=host):
                query = SignerV4.sign_url(
                    "/", "GET", wanted, ACCESS_KEY, SECRET_KEY, REGION, SERVICE, host=host
                )
                answer = http.request("GET", f"http://{ENDPOINT}/?{query}", timeout=10)
                self.assertEqual(answer.status, 200, answer.data)
                self.assertEqual(answer.json()["Result"]["Total"], len(NUMBERS))
