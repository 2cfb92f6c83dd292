//! What the server holds, looked at again and again.

use std::{fs, time::Duration};

use axbridge_tests::program::sum_of;
use tokio::time::{Instant, sleep_until};

use crate::{Plan, house::House};

/// The part of a recording's length, after the talk began, that the notice may take.
const NOTICE: Duration = Duration::from_secs(4);
/// Bytes of a second of one track: 8,000 samples of 16 bits.
const WAV_BYTES_PER_S: u64 = 16_000;
/// Sampled so often in the long form at least, and so often in all.
const EVERY_MAX: Duration = Duration::from_secs(10);
const SAMPLES_MIN: u32 = 12;
/// A line is printed so often.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    pub(crate) rss_kb: u64,
    pub(crate) files: usize,
    pub(crate) threads: u64,
    pub(crate) calls: f64,
    pub(crate) port_pairs: f64,
    pub(crate) transactions: f64,
    pub(crate) dialogs: f64,
    /// Time on a processor so far, in seconds.
    pub(crate) cpu_s: f64,
}

pub(crate) struct Watch {
    began: Instant,
    next: Instant,
    every: Duration,
    line_at: Duration,
    plan: Plan,
    /// Before the first call.
    pub(crate) before: Sample,
    pub(crate) samples: Vec<Sample>,
    /// Recordings that were found whole, and what was wrong with others.
    pub(crate) recordings: usize,
    pub(crate) wrong_recordings: Vec<String>,
}

impl Watch {
    pub(crate) fn begin(house: &House, plan: Plan) -> Self {
        let began = Instant::now();
        let every = EVERY_MAX.min(plan.length / SAMPLES_MIN);
        Self {
            began,
            next: began + every,
            every,
            line_at: Duration::ZERO,
            plan,
            before: sample(house, Duration::ZERO),
            samples: Vec::new(),
            recordings: 0,
            wrong_recordings: Vec::new(),
        }
    }

    /// Waits until it is time to look.
    pub(crate) async fn until_due(&self) {
        sleep_until(self.next).await;
    }

    /// Looks at the server, and at what has come since.
    pub(crate) fn look(&mut self, house: &House, begun: usize) {
        self.next += self.every;
        let now = sample(house, self.began.elapsed());
        self.samples.push(now);
        self.judge_recordings(house);
        house.assert_no_leaks();
        if now.at >= self.line_at && self.plan.length > LINE_EVERY {
            self.line_at += LINE_EVERY;
            println!(
                "{:5.1} min  {begun:6} calls begun, {:3.0} now  {:6.1} MB  {:4} files  \
                 {:3.0} port pairs  {:4.0} transactions  {:6.1} s of CPU  {} MB on disk",
                now.at.as_secs_f64() / 60.0,
                now.calls,
                now.rss_kb as f64 / 1000.0,
                now.files,
                now.port_pairs,
                now.transactions,
                now.cpu_s,
                house.disk_mb(),
            );
        }
    }

    /// The recordings that were told of must be there and as long as their talk. What is judged is
    /// removed, or an hour would fill the disk.
    pub(crate) fn judge_recordings(&mut self, house: &House) {
        for call in house.receiver.take_recorded() {
            match self.judge_recording(house, &call) {
                Ok(()) => self.recordings += 1,
                Err(wrong) => self.wrong_recordings.push(format!("{call}: {wrong}")),
            }
        }
    }

    fn judge_recording(&self, house: &House, call: &str) -> Result<(), String> {
        let files = house.recording(call).ok_or("its files are not there")?;
        let shortest = self.plan.talk.saturating_sub(NOTICE).as_secs() * WAV_BYTES_PER_S;
        let longest = (self.plan.talk + NOTICE).as_secs() * WAV_BYTES_PER_S;
        for file in files {
            let bytes = fs::metadata(&file)
                .map_err(|error| error.to_string())?
                .len();
            if !(shortest..=longest).contains(&bytes) {
                return Err(format!("{bytes} bytes, for {:?} of talk", self.plan.talk));
            }
            fs::remove_file(&file).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Waits until nothing is left of the calls and looks once more.
    pub(crate) async fn end(&mut self, house: &House) -> Sample {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let now = sample(house, self.began.elapsed());
            // A dialog is forgotten half a minute later, when nothing of it can be repeated any more.
            let dialogs = if self.plan.is_long() {
                now.dialogs
            } else {
                0.0
            };
            let is_empty = (now.calls, now.port_pairs, dialogs) == (0.0, 0.0, 0.0);
            if is_empty || Instant::now() > patience {
                self.judge_recordings(house);
                house.assert_no_leaks();
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The samples from a moment on.
    pub(crate) fn since(&self, moment: Duration) -> Vec<Sample> {
        let later = self.samples.iter().filter(|it| it.at >= moment);
        later.copied().collect()
    }
}

fn sample(house: &House, at: Duration) -> Sample {
    let folder = format!("/proc/{}", house.server.pid());
    let status = fs::read_to_string(format!("{folder}/status")).expect("it runs");
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
        value
            .and_then(|value| value.parse().ok())
            .expect("a number")
    };
    let metrics = house.server.metrics();
    let gauge = |name: &str| sum_of(&metrics, name);
    Sample {
        at,
        rss_kb: field("VmRSS"),
        threads: field("Threads"),
        files: fs::read_dir(format!("{folder}/fd"))
            .expect("it runs")
            .count(),
        calls: gauge("voice_calls"),
        port_pairs: gauge("voice_rtp_port_pairs_in_use"),
        transactions: gauge("voice_sip_transactions"),
        dialogs: gauge("voice_sip_dialogs"),
        cpu_s: cpu_s(&folder),
    }
}

/// Fields 14 and 15 of `stat` (proc(5)): time in user and kernel mode, in ticks of 10 ms.
fn cpu_s(folder: &str) -> f64 {
    let stat = fs::read_to_string(format!("{folder}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|it| it.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
