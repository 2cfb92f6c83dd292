//! Where callbacks go: counts each event of each call.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axbridge_app::callbacks::signature::auth_code;
use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The token that signs.
pub(crate) const TOKEN: &str = "8D202AC288";

/// What was told of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// How often each moment came: started, ringing, answered, ended.
    pub(crate) moments: [u32; 4],
    pub(crate) records: u32,
    pub(crate) recordings: u32,
    /// `callResult` of the record.
    pub(crate) result: Option<i64>,
    pub(crate) sub_id: String,
}

#[derive(Default)]
struct Heard {
    calls: HashMap<String, Told>,
    /// How often each message came, by the id that stays the same.
    messages: HashMap<String, u32>,
    wrong: Vec<String>,
    /// Calls whose recording was told of and is not judged yet.
    recorded: Vec<String>,
}

/// A receiver on a free port.
pub(crate) struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let app = Router::new().fallback(take).with_state(heard.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self {
            address,
            heard,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What was told of each call so far.
    pub(crate) fn calls(&self) -> HashMap<String, Told> {
        self.heard.lock().expect("no panic").calls.clone()
    }

    /// How many messages came, how many of them not for the first time, and what was wrong.
    pub(crate) fn messages(&self) -> (usize, usize, Vec<String>) {
        let heard = self.heard.lock().expect("no panic");
        let all: u32 = heard.messages.values().sum();
        let again = all as usize - heard.messages.len();
        (heard.messages.len(), again, heard.wrong.clone())
    }

    /// Calls whose recording was told of since this was asked last.
    pub(crate) fn take_recorded(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().expect("no panic").recorded)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    State(heard): State<Arc<Mutex<Heard>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut heard = heard.lock().expect("no panic");
    if let Err(wrong) = note(&mut heard, &query.unwrap_or_default(), &headers, &body) {
        heard.wrong.push(wrong);
    }
    StatusCode::OK
}

fn note(heard: &mut Heard, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name);
        values.next().map(|(_, value)| value).unwrap_or_default()
    };
    if parameter("authCode") != auth_code(parameter("timestamp"), body, TOKEN) {
        return Err("a message with a wrong signature".to_owned());
    }
    let id = headers.get("x-axbridge-event-id");
    let id = id.and_then(|id| id.to_str().ok()).ok_or("no event id")?;
    let times = heard.messages.entry(id.to_owned()).or_default();
    *times += 1;
    if *times > 1 {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let call = body["callId"].as_str().ok_or("no callId")?.to_owned();
    let told = heard.calls.entry(call.clone()).or_default();
    match body["messageType"].as_u64() {
        Some(1) => {
            let moment = body["eventType"].as_u64().unwrap_or_default() as usize;
            let place = told.moments.get_mut(moment.wrapping_sub(1));
            *place.ok_or("an unknown moment")? += 1;
        }
        Some(2) => {
            told.records += 1;
            told.result = body["callResult"].as_i64();
            let sub_id = body["subscriptionId"].as_str().unwrap_or_default();
            sub_id.clone_into(&mut told.sub_id);
        }
        Some(3) => {
            told.recordings += 1;
            heard.recorded.push(call);
        }
        _ => return Err(format!("an unknown message: {body}")),
    }
    Ok(())
}
