//! Disks that are full, read-only or broken, and clocks that jump: the server
//! says that it cannot, goes on as far as it can, and loses nothing.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audit;
use crate::cluster::id;
use crate::ledger::Ledger;
use crate::load::make_pool;
use crate::program::{Node, program, refused_start, serve, serve_by};
use crate::shim::{EIO, Order, Shim};

/// Bindings before things go wrong.
const BEFORE: usize = 20;

/// Room that some binds fit into, in bytes.
const LITTLE_ROOM: i64 = 100_000;

/// Binds that surely do not fit into it.
const TOO_MANY: usize = 200;

/// First starts that are cut short in the quick form.
const CUT_STARTS: i64 = 12;

/// Longer than any sweep takes to come round.
const SWEEP_MAX: Duration = Duration::from_secs(20);

/// A server on a failing disk, and one client with some bindings.
struct Scene {
    folder: TempDir,
    data: PathBuf,
    shim: Shim,
    ledger: Ledger,
}

impl Scene {
    fn new() -> (Self, Node) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let shim = Shim::new(&data, folder.path());
        let node = start(&data, &shim, folder.path());
        let pool = make_pool(&mut node.client());
        let mut ledger = Ledger::new(1, &pool, 1);
        let mut client = node.client();
        for _ in 0..BEFORE {
            assert!(ledger.act(&mut client));
        }
        let scene = Self {
            folder,
            data,
            shim,
            ledger,
        };
        (scene, node)
    }

    /// Everything known holds on a server without faults, and in the data.
    fn must_be_whole(mut self) {
        let mut command = serve(&self.data);
        let back = Node::start(&mut command, &self.data, self.folder.path());
        let mut client = back.client();
        self.ledger.settle(&mut client);
        assert!(self.ledger.act(&mut client), "it binds again");
        back.stop();
        audit::embedded(&self.data, &[self.ledger]);
    }
}

fn start(data: &Path, shim: &Shim, logs: &Path) -> Node {
    let mut command = serve(data);
    shim.apply(&mut command);
    Node::start(&mut command, data, logs)
}

/// The text of a refusal for the moment, with the status that asks for a retry.
fn unavailable(reply: Reply) -> String {
    match reply {
        Reply::Unknown(text) if text.starts_with("ServiceUnavailable") => text,
        other => panic!("it must say that it cannot: {other:?}"),
    }
}

fn any_call() -> Value {
    json!({"PhoneNoX": "17000000000", "Caller": "13700000000"})
}

#[test]
fn a_full_disk_refuses_binds_and_room_alone_brings_them_back() {
    let (mut scene, node) = Scene::new();
    let mut client = node.client();
    scene.shim.set(Order::Room, LITTLE_ROOM);
    let answered = (0..TOO_MANY).position(|_| !scene.ledger.bind_new(&mut client));
    assert!(answered.is_some(), "the disk is full at some time");
    let pools = client.call(
        "CreateNumberPool",
        &json!({
        "Name": "more", "ServiceType": "200", "SubServiceType": "201"}),
    );
    unavailable(pools);
    client.call("ResolveCall", &any_call()).done("calls go on");
    scene.shim.set(Order::Room, -1);
    scene.ledger.settle(&mut client);
    assert!(
        scene.ledger.act(&mut client),
        "without a restart: {}",
        node.said()
    );
    node.kill();
    scene.must_be_whole();
}

#[test]
fn a_start_on_a_full_disk_says_so_and_leaves_the_data_whole() {
    let (scene, node) = Scene::new();
    node.kill();
    scene.shim.set(Order::Room, 0);
    let mut command = serve(&scene.data);
    scene.shim.apply(&mut command);
    let said = refused_start(&mut command, &scene.data, scene.folder.path());
    assert!(said.contains("full") || said.contains("No space"), "{said}");
    scene.must_be_whole();
}

#[test]
fn a_flush_that_fails_stops_writing_until_a_restart() {
    a_commit_fails(Order::FlushErrno);
}

#[test]
fn a_write_that_fails_stops_nothing_that_was_answered() {
    a_commit_fails(Order::WriteErrno);
}

fn a_commit_fails(what: Order) {
    let (mut scene, node) = Scene::new();
    let mut client = node.client();
    scene.shim.set(what, EIO);
    assert!(!scene.ledger.bind_new(&mut client), "nothing is answered");
    assert!(!scene.ledger.bind_new(&mut client), "nor a second time");
    client.call("ResolveCall", &any_call()).done("calls go on");
    scene.shim.set(what, 0);
    // What stands on disk is unknown, so nothing is promised before it was read again.
    assert!(!scene.ledger.bind_new(&mut client), "nor afterwards");
    node.until_it_says("restart axbridge");
    node.kill();
    scene.must_be_whole();
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let (scene, node) = Scene::new();
    node.stop();
    let folder = scene.folder.path();
    let open = |path: &Path, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("the mode can be set");
    };
    // Root writes everywhere, so another user has to run it.
    let copy = folder.join("axbridge");
    std::fs::copy(program(), &copy).expect("the program can be copied");
    let other = (id(&["-u"]) == Some(0)).then(|| {
        let ids = id(&["-u", "nobody"]).zip(id(&["-g", "nobody"]));
        ids.expect("there is a user nobody")
    });
    let files = std::fs::read_dir(&scene.data).expect("a folder");
    let mut paths: Vec<PathBuf> = files.map(|it| it.expect("a file").path()).collect();
    paths.push(scene.data.clone());
    for path in &paths {
        if let Some((user, group)) = other {
            chown(path, Some(user), Some(group)).expect("root may");
        }
        open(path, if path.is_dir() { 0o500 } else { 0o400 });
    }
    open(folder, 0o755);
    let refuse = |data: &Path| {
        let mut command = serve_by(&copy, data);
        if let Some((user, group)) = other {
            command.uid(user).gid(group);
        }
        let said = refused_start(&mut command, data, folder);
        assert!(said.contains("ermission denied"), "{said}");
        assert!(said.contains(&*data.to_string_lossy()), "{said}");
    };
    refuse(&scene.data);
    refuse(&scene.data.join("new"));
    for path in paths.iter().rev() {
        open(path, if path.is_dir() { 0o700 } else { 0o600 });
    }
    scene.must_be_whole();
}

#[test]
fn a_first_start_that_is_cut_short_anywhere_is_taken_up_by_the_next() {
    let steps = {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let shim = Shim::new(&data, folder.path());
        let _node = start(&data, &shim, folder.path());
        shim.get(Order::Steps)
    };
    // The last one may fall after the start.
    let steps = steps - 1;
    let starts = if crate::setting("AXBRIDGE_CRASH_ROUNDS").is_some() {
        steps
    } else {
        CUT_STARTS
    };
    for cut in 0..starts {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let shim = Shim::new(&data, folder.path());
        shim.set(Order::KillAt, 1 + cut * steps / starts);
        let mut command = serve(&data);
        shim.apply(&mut command);
        let mut node = Node::launch(&mut command, &data, folder.path());
        let died = node.until_serving();
        let at = shim.get(Order::Steps);
        assert!(died.is_some(), "it died at {at} of {steps}");
        let next = Node::start(&mut serve(&data), &data, folder.path());
        make_pool(&mut next.client());
        next.stop();
    }
}

#[test]
fn a_clock_that_jumps_brings_nothing_back_to_life() {
    const AHEAD_S: i64 = 3 * 3600;
    let (mut scene, node) = Scene::new();
    let mut client = node.client();
    // Ten minutes back: nothing that was said changes.
    at(&scene.shim, &mut client, -600);
    scene.ledger.settle(&mut client);
    assert!(scene.ledger.act(&mut client), "it binds at an earlier time");
    scene.ledger.settle(&mut client);
    // Past the end of every binding, until that was told.
    at(&scene.shim, &mut client, AHEAD_S);
    let started = Instant::now();
    while live(&mut client) > 0 {
        assert!(started.elapsed() < SWEEP_MAX, "they expire");
        sleep(Duration::from_millis(50));
    }
    sleep(Duration::from_millis(2500));
    // Back to the present: what was over stays over, before and after a restart.
    at(&scene.shim, &mut client, 0);
    scene.ledger.all_must_be_silent(&mut client);
    node.kill();
    let back = start(&scene.data, &scene.shim, scene.folder.path());
    scene.ledger.all_must_be_silent(&mut back.client());
    back.stop();
}

fn at(shim: &Shim, client: &mut SignedClient, ahead_s: i64) {
    shim.set(Order::ClockAhead, ahead_s);
    client.clock_ahead_s = ahead_s;
}

fn live(client: &mut SignedClient) -> u64 {
    let listed = client.call("QuerySubscriptionForList", &json!({"Status": 1}));
    listed.done("a list")["Total"].as_u64().expect("a count")
}
