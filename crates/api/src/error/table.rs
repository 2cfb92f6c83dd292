//! The table of errors: every code a client can hear, with its status, number,
//! text, and what to do about it. The reference page is made from it.

/// Where a code comes from, and so how it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFamily {
    /// The error table of SelectNumberAndBindAXB (vendor doc 6358/1722692); it
    /// goes before the other two where they name the same case.
    Page,
    /// The gateway's common codes: who is asking, and what for.
    Gateway,
    /// Refusals of the privacy-number business (vendor doc 6358/172156). They
    /// travel with status 200 unless the setting `business_error_status` is 400.
    Business,
    /// Ours, for cases where the vendor answers without a code.
    Own,
}

/// One line of [`ERROR_TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct ErrorEntry {
    /// The code.
    pub code: ErrorCode,
    /// The code as it is written on the wire.
    pub name: &'static str,
    /// `CodeN`, the gateway's number for it, where it has one.
    pub number: Option<u32>,
    /// The HTTP status; of a business code, the one that the setting may change.
    pub http_status: u16,
    /// Where the code comes from.
    pub family: ErrorFamily,
    /// The message; each `%s` is filled in, and a helpful sentence may follow.
    pub text: &'static str,
    /// When it is answered.
    pub when: &'static str,
    /// What the client should do.
    pub remedy: &'static str,
    /// Whether this version never answers it and only keeps the name, because
    /// clients may know it.
    pub reserved: bool,
}

macro_rules! error_table {

    ($(
        $family:ident $http:literal $name:ident $(= $number:literal)? $($reserved:ident)?:
            $text:literal, $when:literal, $remedy:literal;
    )+) => {
        /// A code that a client can hear; [`ERROR_TABLE`] tells all about each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $when] $name,)+
        }

        /// Every code, in the order of the reference page.
        pub const ERROR_TABLE: &[ErrorEntry] = &[
            $(ErrorEntry {
                code: ErrorCode::$name,
                name: stringify!($name),
                number: error_table!(@number $($number)?),
                http_status: $http,
                family: ErrorFamily::$family,
                text: $text,
                when: $when,
                remedy: $remedy,
                reserved: error_table!(@reserved $($reserved)?),
            },)+
        ];
    };
    (@number) => { None };
    (@number $number:literal) => { Some($number) };
    (@reserved) => { false };
    (@reserved reserved) => { true };
}

impl ErrorCode {
    /// The line of the table for this code.
    #[must_use]
    pub fn entry(self) -> &'static ErrorEntry {
        // The table is made from the same list as the enum, in the same order.
        &ERROR_TABLE[self as usize]
    }

    /// The code as it is written on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }
}

error_table! {
    Page 400 MissingParameter = 100002:
        "The required parameter %s is missing.",
        "A required parameter is absent, null or empty.",
        "Send the parameter that the message names.";
    Page 400 InvalidParameter:
        "The specified parameter %s is invalid.",
        "A parameter has the wrong type, form, length or range, or the body cannot be read.",
        "Correct the parameter that the message names; the sentence that follows says what is wrong.";
    Page 400 OperationDenied:
        "Operation is denied because the specified resource is in use.",
        "The same idempotency key is being processed, a pool or number still carries bindings, or the account lacks the permission for an option.",
        "Do what the sentence that follows says, or try again in a moment.";
    Page 400 QuotaExceeded:
        "%s has exceeded the quota.",
        "A quota of the account is used up: live bindings, numbers or pools.",
        "Free some, or ask the operator to raise the quota.";
    Page 400 IdempotentParameterMismatch:
        "Parameters mismatch the previous request with a same ClientToken.",
        "An idempotency key came before with other parameters.",
        "Use a new ClientToken or IdempotentId for a new request, and the old one only to repeat the old request.";
    Page 400 DryRunOperation:
        "The request is validated by a dryrun operation.",
        "DryRun was set and the request would have succeeded; nothing was changed.",
        "Send it without DryRun to carry it out.";
    Page 400 MissingAction:
        "The request is missing an action.",
        "The query has no Action.",
        "Put Action and Version in the query string, not in the body.";
    Page 400 InvalidAction:
        "The specified action is invalid.",
        "The query names an action or version that is not served.",
        "Check the spelling of Action, and send Version=2022-01-01.";
    Page 500 InternalError = 100014:
        "The request has failed due to an unknown error.",
        "Something failed that should not have; the log holds the details under the request id.",
        "Try again with the same ClientToken; tell the operator the request id if it stays.";
    Page 503 ServiceUnavailable:
        "The request has failed due to a temporary failure of the server.",
        "The store or the voice plane is down, or a queue is full; nothing was bound.",
        "Try again with the same ClientToken after a moment.";
    Gateway 401 MissingAuthenticationToken = 100003:
        "Request is missing Authentication Token.",
        "The request carries neither an Authorization header nor a presigned query.",
        "Sign the request.";
    Gateway 400 MissingRequestInfo = 100004:
        "The request is missing %s information.",
        "The request carries no X-Date.",
        "Send the time of signing as X-Date, in UTC.";
    Gateway 401 MissingSignature = 100005:
        "The request is missing signature.",
        "There is a credential but no signature.",
        "Add Signature to the Authorization header, or X-Signature to the presigned query.";
    Gateway 400 InvalidTimestamp = 100006:
        "The Signature of the request is expired.",
        "X-Date cannot be read, is not the credential's day, or lies outside the window of 900 seconds or X-Expires.",
        "Set the clock right (UTC) and sign again.";
    Gateway 404 ServiceNotFound = 100007:
        "This service[%s] not found.",
        "The credential scope names another service.",
        "Sign for the service vms.";
    Gateway 404 InvalidActionOrVersion = 100008 reserved:
        "Could not find operation %s for version %s.",
        "Not answered: InvalidAction stands for it.",
        "See InvalidAction.";
    Gateway 401 InvalidAccessKey = 100009:
        "The accesskey [%s] included in the request is invalid.",
        "The access key is unknown or disabled.",
        "Check the access key, and that the operator has not disabled it.";
    Gateway 401 SignatureDoesNotMatch = 100010:
        "The request signature we calculated does not match the signature you provided. Check your Secret Access Key and signing method. Consult the service documentation for details.",
        "The signature is not the one that this request and secret give.",
        "Check the secret, and that no proxy changes host, query or body.";
    Gateway 403 LackPolicy = 100012 reserved:
        "Request was rejected because of lack of policy.",
        "Not answered: AccessDenied stands for it.",
        "See AccessDenied.";
    Gateway 403 AccessDenied = 100013:
        "User is not authorized to perform: %s on resource: %s.",
        "The access key may not call this action: extensions need the operator permission.",
        "Use a key with that permission.";
    Gateway 502 FailToConnect = 100015 reserved:
        "Top Fail to Connect to Internal Service.",
        "Not answered: ServiceUnavailable stands for it.",
        "See ServiceUnavailable.";
    Gateway 504 InternalServiceTimeout = 100016 reserved:
        "Internal Service is timeout. Pls Contact With Admin.",
        "Not answered: ServiceUnavailable stands for it.",
        "See ServiceUnavailable.";
    Gateway 429 FlowLimitExceeded = 100018:
        "The request rate of this access key is too high.",
        "Requests of this key come faster than allowed, and the setting chose this code over OverQpsLimit.",
        "Send more slowly, and try again after a moment.";
    Gateway 503 ServiceUnavailableTemp = 100019 reserved:
        "The service is temporarily unavailable.",
        "Not answered: ServiceUnavailable stands for it.",
        "See ServiceUnavailable.";
    Gateway 405 MethodNotAllowed = 100020:
        "The HTTP method %s is not allowed.",
        "The method is neither GET nor POST.",
        "Use POST, or GET.";
    Gateway 400 InvalidAuthorization = 100024:
        "Invalid 'Authorization' header, Pls check your authorization header.",
        "The Authorization header or the presigned query cannot be read.",
        "Write it as HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….";
    Gateway 400 InvalidCredential = 100025:
        "Invalid credential in 'Authorization', Pls check credential in authorization header.",
        "The credential is not of the form AccessKey/YYYYMMDD/Region/vms/request.",
        "Correct the credential.";
    Gateway 401 InvalidSecretToken = 100026:
        "Invalid secret token, msg: %s.",
        "The request carries an X-Security-Token, and it is not one of this server.",
        "Sign with a long-term access key, without a token.";
    Own 404 NotFound:
        "The requested path does not exist.",
        "The path is not served.",
        "Send actions to the path /.";
    Own 403 LinkInvalid:
        "The link is invalid.",
        "A link to a recording was not made by this server, or was changed.",
        "Use the link as QueryAudioRecordFileUrl gave it.";
    Own 403 LinkExpired:
        "The link has expired.",
        "The time of a link to a recording is over.",
        "Ask for a new one with QueryAudioRecordFileUrl.";
    Own 404 RecordingNotFound:
        "The recording does not exist.",
        "There is no such call, it was not recorded, recording failed, or the recording was destroyed after its time.",
        "Read the sentence that follows, which says which of these it is.";
    Own 409 RecordingNotReady:
        "The recording is not ready yet.",
        "The call goes on, or its recording is still being kept.",
        "Ask again after a moment, or wait for the recording's event.";
    Own 408 RequestTimeout:
        "The request did not arrive in time.",
        "Head or body of the request came too slowly.",
        "Try again with the same ClientToken.";
    Own 413 PayloadTooLarge:
        "The request body is too large.",
        "The body exceeds the limit.",
        "Send less in one request.";
    Business 200 SystemError reserved:
        "The system has failed.",
        "Not answered: InternalError stands for it.",
        "See InternalError.";
    Business 200 UnauthenticatedRequest reserved:
        "The caller belongs to no account.",
        "Not answered: InvalidAccessKey stands for it.",
        "See InvalidAccessKey.";
    Business 200 IllegalArgument reserved:
        "The argument is illegal.",
        "Not answered: InvalidParameter stands for it.",
        "See InvalidParameter.";
    Business 200 IllegalPhoneNoX:
        "The privacy number X is illegal.",
        "X is not a number of this pool.",
        "Take an X of the pool named, or import it first.";
    Business 200 IllegalPhoneNoY reserved:
        "The privacy number Y is illegal.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXYB.";
    Business 200 ConflictWithExisting:
        "The binding clashes with an existing one.",
        "X already answers to A or B in another binding, or an identical binding lives.",
        "Take another X, or end the other binding first.";
    Business 200 ProviderException reserved:
        "The carrier has failed.",
        "Not answered in this version.",
        "Nothing: the name is kept for carrier back ends.";
    Business 200 SubscriptionEmpty:
        "The binding does not exist.",
        "The SubId is unknown, of another pool or account, or has ended.",
        "Check SubId and NumberPoolNo; an ended binding needs no unbinding.";
    Business 200 UpgradeError:
        "The AX cannot be upgraded to an AXB.",
        "The binding is not an AX, or the upgrade was refused; nothing was changed.",
        "Upgrade only an AX; do what the sentence that follows says.";
    Business 200 UnbindAXError reserved:
        "The AX of an upgrade could not be unbound.",
        "Not answered: an upgrade is one step here and answers UpgradeError.",
        "See UpgradeError.";
    Business 200 BindAXBError reserved:
        "The AXB of an upgrade could not be bound.",
        "Not answered: an upgrade is one step here and answers UpgradeError.",
        "See UpgradeError.";
    Business 200 UnsupportedOperation:
        "The operation is not supported.",
        "The binding's mode does not know this operation, such as giving an AX a B by UpdateAXB.",
        "Use the action that the sentence that follows names.";
    Business 200 ProviderUnsupportedOperation reserved:
        "The carrier does not support the operation.",
        "Not answered in this version.",
        "Nothing: the name is kept for carrier back ends.";
    Business 200 AccountFrozen reserved:
        "The account is frozen.",
        "Not answered in this version.",
        "Nothing: the name is kept for freezing accounts.";
    Business 200 AccountSubServiceException reserved:
        "The sub-service of the account is not open.",
        "Not answered: InvalidParameter, which then names NumberPoolNo, stands for it.",
        "Use a pool made for this binding mode.";
    Business 200 NumberNotEnough:
        "There are not enough numbers.",
        "No eligible number is left in the wanted city and the cities to fall back to.",
        "Read the counts that follow: add numbers, name more cities, or end bindings.";
    Business 200 BlockNumber:
        "The number is disabled.",
        "The X that was named is disabled.",
        "Enable it, or take another.";
    Business 200 OverQpsLimit:
        "The request rate is over the limit.",
        "Requests of this key come faster than allowed.",
        "Send more slowly, and try again after a moment.";
    Business 200 PhoneNoARiskFrozen:
        "A is frozen by risk control.",
        "A is on the account's blacklist with Type 5, or was bound as often as a window allows; \
         nothing was bound.",
        "Take it off with DeleteBlackList, or wait until the entry ends or the window frees.";
    Business 200 PhoneNoBRiskFrozen:
        "B is frozen by risk control.",
        "B is on the account's blacklist with Type 6, or was bound as often as a window allows; \
         nothing was bound.",
        "Take it off with DeleteBlackList, or wait until the entry ends.";
    Business 200 PhoneNoXOccupied:
        "X is occupied.",
        "The X that was named carries a binding that leaves no room for this one, such as an AX under another AX.",
        "Take another X, or end the other binding first.";
    Business 200 PhoneNoEOccupied reserved:
        "The extension is occupied.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXNE.";
    Business 200 CanNotUpdate reserved:
        "The binding cannot be updated.",
        "Not answered: SubscriptionEmpty and UnsupportedOperation stand for it.",
        "See those.";
    Business 200 CallerFrequencyLimit reserved:
        "The caller calls too often.",
        "Not answered in this version.",
        "Nothing: the name is kept for double calls.";
    Business 200 CalleeFrequencyLimit reserved:
        "The callee is called too often.",
        "Not answered in this version.",
        "Nothing: the name is kept for double calls.";
    Business 200 CallerRiskFrozen reserved:
        "The caller is frozen by risk control.",
        "Not answered in this version.",
        "Nothing: the name is kept for double calls.";
    Business 200 CalleeRiskFrozen reserved:
        "The callee is frozen by risk control.",
        "Not answered in this version.",
        "Nothing: the name is kept for double calls.";
    Business 200 RepeatClick2Call reserved:
        "The double call is a duplicate.",
        "Not answered in this version.",
        "Nothing: the name is kept for double calls.";
    Business 200 ExceedMaxBindCount:
        "The largest number of bindings is reached.",
        "X carries as many live bindings as the pool's cap allows.",
        "Take another X, or raise the cap of the pool.";
    Business 200 PhoneNoXBConflicted reserved:
        "X and B are routed elsewhere already.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXYB.";
    Business 200 PhoneNoYAConflicted reserved:
        "Y and A are routed elsewhere already.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXYB.";
    Business 200 CanNotUsedAsPhoneNoX reserved:
        "The number cannot be used as X.",
        "Not answered: IllegalPhoneNoX stands for it.",
        "See IllegalPhoneNoX.";
    Business 200 CanNotUsedAsPhoneNoY reserved:
        "The number cannot be used as Y.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXYB.";
    Business 200 XCanNotEqualsY reserved:
        "X and Y are the same number.",
        "Not answered in this version.",
        "Nothing: the name is kept for AXYB.";
    Business 200 ConcurrencyConflict reserved:
        "The resource is being changed by another request.",
        "Not answered: changes of one binding wait for each other.",
        "Nothing.";
    Business 200 DownStreamError reserved:
        "A downstream service has failed.",
        "Not answered: ServiceUnavailable stands for it.",
        "See ServiceUnavailable.";
    Business 200 InternalServiceFailed reserved:
        "The internal service error",
        "Not answered: InternalError stands for it.",
        "See InternalError.";
}
