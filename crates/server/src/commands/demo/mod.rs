//! `demo`: the whole of it in one process and a temporary directory, over real
//! HTTP with real signatures, told step by step.

mod calls;
mod snippets;
mod story;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Demo, Hidden};
use crate::client::{Client, Target};
use crate::config::{self, Settings};
use crate::failure::Failure;
use crate::logging;
use crate::operator_file::OperatorFile;
use crate::output::{Output, say};
use crate::wire::Running;
use calls::Carrier;
use story::Story;

/// Runs the story, then stays up until Ctrl-C unless it is to be told once.
pub(crate) async fn run(output: Output, demo: &Demo) -> Result<(), Failure> {
    // Before anything is made, so that Ctrl-C always cleans up.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let folder = tempfile::Builder::new()
        .prefix("axbridge-demo-")
        .tempdir()?;
    let settings = settings_in(folder.path())?;
    let _last_lines = logging::start(&settings.log)?;
    let running = Running::start(&settings).await?;
    let told = tokio::select! {
        told = tell(output, demo, &running, folder.path()) => told,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if told.is_ok() && !demo.once {
        if !output.is_json() {
            say("\nThe server stays up until Ctrl-C.");
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    let stopped = running.stop().await;
    told.and(stopped)
}

/// The defaults, on free ports; neither a file nor the environment has a say.
fn settings_in(folder: &std::path::Path) -> Result<Settings, Failure> {
    let data = folder.join("data").to_string_lossy().into_owned();
    let flags = vec![
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("operator.listen", "127.0.0.1:0".to_owned()),
        ("voice.sip", "127.0.0.1:0".to_owned()),
        ("store.data", data),
        ("log.level", "warn".to_owned()),
    ];
    config::load(None, [], &flags)
}

async fn tell(
    output: Output,
    demo: &Demo,
    running: &Running,
    folder: &std::path::Path,
) -> Result<(), Failure> {
    let server = running.operator_file();
    let operator = client(server, &server.access_key_id, &server.secret_access_key)?;
    let mut story = Story::new(output, server.endpoint.clone());
    let data = folder.join("data");
    story.step(&format!(
        "A server with its own empty data directory, {}",
        data.display()
    ));
    story.tell(&format!("It listens on {}", server.endpoint));
    let pool = story.make_pool(&operator).await?;
    let (id, secret) = story.make_key(&operator).await?;
    let application = client(server, &id, &secret)?;
    let sip = server.sip_endpoint.as_deref();
    let carrier = Carrier::start(&mut story, &operator, sip).await?;
    story
        .bind_and_call(&application, &operator, &carrier, &pool, &data)
        .await?;
    if output.is_json() {
        let key = json!({"AccessKeyId": id, "SecretAccessKey": secret});
        output.show(&story.value(&pool, &key), |_| String::new());
    } else {
        say(if demo.once {
            "\nWithout --once, the server stays up and this can be pasted:\n"
        } else {
            "\nTry it yourself\n"
        });
        say(&snippets::all(&application, &pool, &data));
    }
    Ok(())
}

fn client(server: &OperatorFile, id: &str, secret: &str) -> Result<Client, Failure> {
    Client::new(Target {
        endpoint: server.endpoint.clone(),
        access_key: id.to_owned(),
        secret: Hidden(secret.to_owned()),
        ca_file: None,
    })
}
