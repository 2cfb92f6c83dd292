//! `bench`: how many signed requests a running server answers, and how soon.
//!
//! It is a client like any other, over one TCP connection a worker. It is not a
//! benchmark of the store; that one leaves HTTP out.

mod connection;
mod load;
mod plan;
mod report;
mod server_cpu;
mod tally;

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Url;

use crate::cli::Bench;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use load::{Load, Run};
use plan::Plan;
use report::Report;
use server_cpu::ServerCpu;

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(200);

/// Puts the load on the server and says what came of it. The exit code is 1
/// when no request at all succeeded.
pub(crate) async fn run(
    client: Client,
    output: Output,
    bench: &Bench,
) -> Result<ExitCode, Failure> {
    let address = address_of(&client.target().endpoint, bench.even_if_remote).await?;
    let cpu = bench.server_pid.map(ServerCpu::of).transpose()?;
    let plan = Plan::prepare(&client, bench).await?;
    let load = Arc::new(Load {
        address,
        client,
        plan,
        connections: bench.connections,
        rate_per_s: bench.rate,
        warm_up: Duration::from_secs(bench.warm_up_s),
        duration: Duration::from_secs(bench.duration_s),
    });
    let run = Run::start(load.clone());
    let bar = progress(load.warm_up + load.duration);
    let mut used = None;
    while !run.is_over() {
        tokio::time::sleep(TICK).await;
        bar.set_position(u64::try_from(run.elapsed().as_millis()).unwrap_or(u64::MAX));
        bar.set_message(format!("{} answers", run.answers()));
        if used.is_none() && run.is_measuring() {
            used = cpu.as_ref().map(|cpu| (cpu.now(), run.answers()));
        }
    }
    let answers = run.answers();
    let cpu_us = match (cpu, used) {
        (Some(cpu), Some((before, answered_before))) => {
            cpu.us_each(before, answers - answered_before)
        }
        _ => None,
    };
    let tally = run.finish().await?;
    bar.finish_and_clear();
    let report = Report::new(&load, bench, tally, cpu_us);
    output.show(&report.value(), |_| report.text());
    Ok(if report.has_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where the endpoint is. Load on somebody else's server is an attack, so an
/// address beyond this machine has to be confirmed.
async fn address_of(endpoint: &str, even_if_remote: bool) -> Result<SocketAddr, Failure> {
    let unusable = || {
        Failure::usage(format!("`bench` cannot use the endpoint {endpoint}"))
            .hint("it speaks plain HTTP: name one like http://127.0.0.1:8080")
    };
    let url = Url::parse(endpoint).map_err(|_| unusable())?;
    let host = url.host_str().filter(|_| url.scheme() == "http");
    let host = host.ok_or_else(unusable)?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(unusable)?;
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| Failure::new(format!("{host} cannot be found: {error}")))?;
    let address = found.next().ok_or_else(unusable)?;
    if may_be_loaded(address.ip(), even_if_remote) {
        Ok(address)
    } else {
        Err(
            Failure::usage(format!("{endpoint} is not on this machine")).hint(
                "load makes real bindings and may put a server out of service; \
                 --even-if-remote if it is yours",
            ),
        )
    }
}

fn may_be_loaded(ip: IpAddr, even_if_remote: bool) -> bool {
    ip.is_loopback() || even_if_remote
}

/// A bar over the time on standard error; none when that is no terminal.
fn progress(whole: Duration) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {percent}%  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_beyond_this_machine_has_to_be_confirmed() {
        let far = "http://192.0.2.1:8080";
        let failure = address_of(far, false).await.expect_err("not confirmed");
        assert!(failure.to_string().contains("not on this machine"));
        assert!(address_of(far, true).await.is_ok());
        for near in ["http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert!(address_of(near, false).await.is_ok(), "{near}");
        }
        let failure = address_of("https://127.0.0.1", true).await;
        assert!(failure.is_err(), "it speaks no TLS");
    }
}
