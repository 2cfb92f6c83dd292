//! One running baresip: no screen, no sound card, told what to do over its control port
//! (`ctrl_tcp`: JSON in netstrings).

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axbridge_tests::{
    kamailio::free_address,
    program::{PATIENCE, POLL},
};
use axbridge_voice::audio::sine;
use serde_json::{Value, json};

use crate::house::{HEARD, seconds_of};

const PROGRAM: &str = "baresip";
const MODULES: &str = "/usr/lib/baresip/modules";
/// What it says lasts so long.
const TALK: Duration = Duration::from_secs(60);

/// How much of what it printed a failure shows.
const SAID_CHARS: usize = 2000;

/// Whether the machine has it; says so if not.
pub(super) fn is_installed() -> bool {
    let found = Path::new(MODULES).join("ctrl_tcp.so").is_file();
    if !found {
        eprintln!("baresip is not installed; nothing was tried (apt-get install baresip-core)");
    }
    found
}

/// A softphone; it ends with this value.
pub(super) struct Baresip {
    child: Child,
    folder: PathBuf,
    /// Where it takes calls by UDP.
    pub(super) address: SocketAddr,
    control: TcpStream,
    /// What the control port said and nobody read yet.
    unread: Vec<u8>,
}

impl Baresip {
    /// Starts it on this host, for this number; it answers by itself and says a tone. `more` is
    /// added to its configuration.
    pub(super) fn start(
        folder: &Path,
        (host, number): (&str, &str),
        tone_hz: f32,
        more: &str,
    ) -> Self {
        fs::create_dir_all(folder).expect("a directory");
        let address = free_address(host);
        let control_at = TcpListener::bind((host, 0)).and_then(|it| it.local_addr());
        let control_at = control_at.expect("a free port");
        let tone = folder.join("tone.wav");
        fs::write(&tone, sine(tone_hz, TALK).to_wav()).expect("written");
        let config = format!(
            "net_interface {host}\nsip_listen {address}\naudio_source aufile,{}\n\
             audio_player aubridge,nobody\naudio_alert aubridge,nobody\nausrc_srate 8000\n\
             auplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nrtp_ports 16000-17000\n\
             module_path {MODULES}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\n\
             module sndfile.so\nmodule_app account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nctrl_tcp_listen {control_at}\nsnd_path {}\n{more}",
            tone.display(),
            folder.display()
        );
        let account =
            format!("<sip:{number}@{address}>;regint=0;answermode=auto;audio_codecs=pcma,pcmu\n");
        for (name, text) in [
            ("config", config),
            ("accounts", account),
            ("contacts", String::new()),
        ] {
            fs::write(folder.join(name), text).expect("written");
        }
        let out = fs::File::create(folder.join("out")).expect("a file");
        let child = Command::new(PROGRAM)
            // With a trace of its SIP messages.
            .args(["-s", "-f"])
            .arg(folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a file"))
            .stdout(out)
            .spawn()
            .expect("baresip starts");
        let started = Instant::now();
        let control = loop {
            if let Ok(control) = TcpStream::connect(control_at) {
                break control;
            }
            let said = fs::read_to_string(folder.join("out")).unwrap_or_default();
            assert!(
                started.elapsed() < PATIENCE,
                "baresip does not start: {said}"
            );
            std::thread::sleep(POLL);
        };
        control.set_read_timeout(Some(PATIENCE)).expect("a time");
        Self {
            child,
            folder: folder.to_owned(),
            address,
            control,
            unread: Vec::new(),
        }
    }

    fn tell(&mut self, command: &str, parameters: &str) {
        let text = json!({"command": command, "params": parameters}).to_string();
        let netstring = format!("{}:{text},", text.len());
        let sent = self.control.write_all(netstring.as_bytes());
        sent.expect("it listens");
    }

    /// Where it takes calls by TLS, if it has a certificate.
    pub(super) fn tls_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.address.port() + 1)
    }

    /// Calls a number at a server: `ADDRESS:PORT`, with URI parameters if it needs any.
    pub(super) fn dial(&mut self, number: &str, server: &str) {
        self.tell("dial", &format!("sip:{number}@{server}"));
    }

    pub(super) fn hang_up(&mut self) {
        self.tell("hangup", "");
    }

    /// Waits for an event of that type.
    pub(super) fn until_event(&mut self, kind: &str) -> Value {
        let started = Instant::now();
        loop {
            while let Some(said) = self.next_said() {
                if said["type"] == kind {
                    return said;
                }
            }
            assert!(started.elapsed() < PATIENCE, "no {kind}: {}", self.said());
            let mut chunk = [0; 4096];
            let length = self.control.read(&mut chunk);
            let length =
                length.unwrap_or_else(|error| panic!("no {kind}: {error}\n{}", self.said()));
            assert!(length > 0, "baresip went away: {}", self.said());
            self.unread.extend_from_slice(&chunk[..length]);
        }
    }

    /// Takes one netstring off what was said.
    fn next_said(&mut self) -> Option<Value> {
        let colon = self.unread.iter().position(|byte| *byte == b':')?;
        let length = std::str::from_utf8(&self.unread[..colon]).ok()?;
        let length: usize = length.parse().expect("a netstring");
        let text = self.unread.get(colon + 1..colon + 1 + length)?.to_vec();
        // The comma behind it.
        if self.unread.len() <= colon + 1 + length {
            return None;
        }
        self.unread.drain(..colon + length + 2);
        Some(serde_json::from_slice(&text).expect("JSON"))
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let said = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
        let from = said.chars().count().saturating_sub(SAID_CHARS);
        said.chars().skip(from).collect()
    }

    /// The SIP messages that it received from a server, by its own trace.
    pub(super) fn received(&self, server: SocketAddr) -> Vec<String> {
        // Over a connection of its own, or of the server's.
        let to_us = [
            format!("{server} -> "),
            format!(" -> {}:", self.address.ip()),
        ];
        let said = String::from_utf8_lossy(&fs::read(self.folder.join("out")).unwrap_or_default())
            .into_owned();
        let messages: Vec<String> = said
            .split("#\n")
            .filter_map(|entry| {
                let (way, message) = entry.split_once('\n')?;
                to_us
                    .iter()
                    .any(|it| way.contains(it))
                    .then(|| message.to_owned())
            })
            .collect();
        assert!(!messages.is_empty(), "it received something: {said}");
        messages
    }

    /// How long it heard this tone, once its file of what it heard is whole.
    pub(super) async fn heard(&self, frequency_hz: f32) -> Duration {
        let started = Instant::now();
        loop {
            let files = fs::read_dir(&self.folder).expect("its directory");
            let names = files.flatten().map(|file| file.path());
            let mut heard = names.filter(|path| path.to_string_lossy().ends_with("-dec.wav"));
            // Until it hangs up the file has no length.
            let heard = heard.next().map_or(Duration::ZERO, |path| {
                let [heard] = seconds_of(&path, [frequency_hz]);
                heard
            });
            if heard >= HEARD || started.elapsed() > PATIENCE {
                return heard;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
