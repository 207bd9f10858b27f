//! The server as a service: what it logs where, and what systemd hears of it.

use crate::common::{Home, PATIENCE};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use testkit::{PortBlock, Process};

struct Service {
    home: Home,
    process: Process,
    _ports: PortBlock,
}

/// A server with these lines in its carillon.toml and these variables.
fn serve(settings: &str, variables: &[(&str, &str)]) -> Service {
    let (home, ports) = (Home::new(), PortBlock::lease().unwrap());
    home.file("carillon.toml", format!("listen = \"127.0.0.1:{}\"\n{settings}", ports.api));
    home.run(&["init"]).ok();
    let mut command = home.command(&["serve"]);
    command.envs(variables.iter().copied());
    let mut process = Process::start("carillon", command, &home.path("serve.log")).unwrap();
    process.wait_for_http(&format!("http://127.0.0.1:{}/healthz", ports.api), PATIENCE).unwrap();
    Service { home, process, _ports: ports }
}

fn log_of(home: &Home, name: &str, wanted: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(home.path(name)).unwrap_or_default();
        if text.contains(wanted) || Instant::now() > end {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_log_goes_to_a_file_that_only_its_owner_reads() {
    let service = serve("[log]\ntarget = \"file\"\nformat = \"json\"\n", &[]);
    let path = service.home.path("carillon-data/carillon.log");
    let text = log_of(&service.home, "carillon-data/carillon.log", "serves the API");
    assert!(text.lines().count() > 1, "{text}");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert_eq!(crate::common::mode(&path), 0o600);
    assert_eq!(std::fs::read_to_string(service.home.path("serve.log")).unwrap(), "");
    let mut process = service.process;
    process.terminate();
    assert!(log_of(&service.home, "carillon-data/carillon.log", "stopped").contains("stopped"));
}

#[test]
fn a_log_that_cannot_be_written_is_refused_at_the_start() {
    let home = Home::new();
    home.file("carillon.toml", "[log]\ntarget = \"file\"\nfile = \"carillon.toml/log\"\n");
    let (error, remedy) = home.run(&["serve"]).refused(1);
    assert!(error.starts_with("log.file: cannot write carillon.toml/log: "), "{error}");
    assert!(remedy.contains("log.target"), "{remedy}");
}

#[test]
fn systemd_hears_that_the_server_is_ready_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut bytes = [0; 4_096];
        let length = systemd.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let variables = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "900000")];
    let mut service = serve("", &variables);
    let first = hear();
    assert!(first.starts_with("READY=1\nSTATUS=ready"), "{first}");
    let began = Instant::now();
    for _ in 0..3 {
        let alive = hear();
        assert!(alive.starts_with("WATCHDOG=1\nSTATUS=ready"), "{alive}");
    }
    // The first comes at once, then one every third of the watchdog's time.
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    service.process.terminate();
    let mut last = hear();
    while last.starts_with("WATCHDOG=1") {
        last = hear();
    }
    assert!(last.starts_with("STOPPING=1\n"), "{last}");
}
