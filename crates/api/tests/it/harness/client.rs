//! Somebody with an access key who sends signed requests into the router.

use axbridge_api::signature::{ClientRequest, Credentials, SERVICE, sign};
use axbridge_app::clock::Clock;
use axbridge_domain::account::AccountId;
use axbridge_store::model::AccessKey;
use axum::{
    Router,
    body::{Body, Bytes},
    http::Request,
};
use http_body_util::channel::Channel;
use serde_json::Value;
use tower::ServiceExt as _;

use super::answer::Answer;

const HOST: &str = "vms.example.com";
const REGION: &str = "cn-beijing";

/// An access key and a way to the server.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    clock: Clock,
    pub(crate) account: AccountId,
    pub(crate) access_key: String,
    pub(crate) secret: String,
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Percent-encoded, without `?`.
    pub(crate) query: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A POST of `body` to an action.
    pub(crate) fn post(action: &str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: "/",
            query: format!("Action={action}&Version=2022-01-01"),
            content_type: Some(content_type),
            body: body.into(),
        }
    }

    /// A GET with the parameters in the query, percent-encoded.
    pub(crate) fn get(action: &str, parameters: &str) -> Self {
        let separator = if parameters.is_empty() { "" } else { "&" };
        Self {
            method: "GET",
            path: "/",
            query: format!("Action={action}&Version=2022-01-01{separator}{parameters}"),
            content_type: None,
            body: Vec::new(),
        }
    }
}

impl Client {
    pub(crate) fn new(router: &Router, clock: &Clock, key: &AccessKey) -> Self {
        Self {
            router: router.clone(),
            clock: clock.clone(),
            account: key.account,
            access_key: key.id.clone(),
            secret: key.secret.reveal().to_owned(),
        }
    }

    /// Sends a JSON object, as the newer official clients do.
    pub(crate) async fn call(&self, action: &str, parameters: Value) -> Answer {
        let body = parameters.to_string();
        self.send(Message::post(
            action,
            "application/json; charset=utf-8",
            body,
        ))
        .await
    }

    /// Sends a urlencoded form, as the older official clients do.
    pub(crate) async fn form(&self, action: &str, form: &str) -> Answer {
        let body = form.to_owned();
        self.send(Message::post(
            action,
            "application/x-www-form-urlencoded",
            body,
        ))
        .await
    }

    /// Sends a GET with the parameters in the query.
    pub(crate) async fn get(&self, action: &str, parameters: &str) -> Answer {
        self.send(Message::get(action, parameters)).await
    }

    /// The answer of an action that must succeed.
    pub(crate) async fn ok(&self, action: &str, parameters: Value) -> Value {
        self.call(action, parameters).await.into_result()
    }

    pub(crate) async fn send(&self, message: Message) -> Answer {
        Answer::read(self.dispatch(self.sign(&message)).await, message.method).await
    }

    /// The message as a signed HTTP request, which a test may still spoil.
    pub(crate) fn sign(&self, message: &Message) -> Request<Body> {
        let signed = sign(
            &ClientRequest {
                method: message.method,
                path: message.path,
                raw_query: &message.query,
                host: HOST,
                body: &message.body,
            },
            &Credentials {
                access_key: &self.access_key,
                secret: self.secret.as_bytes(),
                region: REGION,
                service: SERVICE,
            },
            self.clock.now().unix_s(),
        );
        let mut request = unsigned(message);
        for (name, value) in signed.as_pairs() {
            let value = value.parse().expect("a header value");
            request.headers_mut().insert(name, value);
        }
        request
    }

    pub(crate) async fn dispatch(&self, request: Request<Body>) -> axum::response::Response {
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("the router always answers")
    }

    /// Sends a signed request whose body never arrives.
    pub(crate) async fn send_without_end(&self, message: &Message) -> Answer {
        let (unfinished, body) = Channel::<Bytes>::new(1);
        let mut request = self.sign(message);
        *request.body_mut() = Body::new(body);
        let answer = self.send_as_is(request).await;
        drop(unfinished);
        answer
    }

    /// Sends a request that is not signed, or signed by the test itself.
    pub(crate) async fn send_as_is(&self, request: Request<Body>) -> Answer {
        let method = request.method().clone();
        Answer::read(self.dispatch(request).await, method.as_str()).await
    }
}

/// The message as an HTTP request without a signature.
pub(crate) fn unsigned(message: &Message) -> Request<Body> {
    let uri = if message.query.is_empty() {
        message.path.to_owned()
    } else {
        format!("{}?{}", message.path, message.query)
    };
    let mut request = Request::builder()
        .method(message.method)
        .uri(uri)
        .header("Host", HOST);
    if let Some(content_type) = message.content_type {
        request = request.header("Content-Type", content_type);
    }
    let body = Body::from(message.body.clone());
    request.body(body).expect("a request")
}
