//! Under a service manager: what the node tells it, and the unit that is made for it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::support::{Federation, run, wait_for, watchfire};

/// The longest wait for one message: the node starts within it on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// Messages read while looking for one.
const MESSAGES_MAX: usize = 1_000;

/// Reads until a message has this line; gives it whole.
fn hear(socket: &UnixDatagram, line: &str) -> String {
    let mut message = [0; 1_024];
    let mut seen = Vec::new();
    for _ in 0..MESSAGES_MAX {
        let length = socket.recv(&mut message).unwrap_or_else(|error| {
            panic!("expected `{line}`, got {error} after {seen:?}");
        });
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        if text.lines().any(|one| one == line) {
            return text;
        }
        seen.push(text);
    }
    panic!("expected `{line}`, got {seen:?}");
}

#[test]
fn a_node_tells_its_manager_how_it_stands() {
    let federation = Federation::new("service");
    // Names of such sockets are short; the folder of a test may not be.
    let folder = std::env::temp_dir().join(format!("watchfire-service-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let path = folder.join("notify");
    std::fs::remove_file(&path).ok();
    let socket = UnixDatagram::bind(&path).expect("the socket can be made");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");

    let mut command = watchfire();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000").env_remove("WATCHDOG_PID");
    let korea = federation.start_as("KOR-1", command);
    assert_eq!(hear(&socket, "READY=1"), "READY=1\nSTATUS=KOR-1 is up");
    for _ in 0..5 {
        assert_eq!(hear(&socket, "WATCHDOG=1"), "WATCHDOG=1");
    }
    korea.stop();
    assert_eq!(hear(&socket, "STOPPING=1"), "STOPPING=1");
    // A manager that names another process is told nothing, and one that is gone stops nobody.
    let mut command = watchfire();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000").env("WATCHDOG_PID", "1");
    let korea = federation.start_as("KOR-1", command);
    hear(&socket, "READY=1");
    drop(socket);
    korea.stop();
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}

#[test]
fn the_unit_is_taken_by_systemd() {
    let federation = Federation::new("unit");
    let config = federation.config("KOR-1");
    let ended = run([
        "systemd".as_ref(),
        "--user".as_ref(),
        "root".as_ref(),
        "--config".as_ref(),
        config.as_os_str(),
    ]);
    assert!(ended.success, "{ended:#?}");
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "Restart=on-failure",
        "ProtectSystem=strict",
        "NoNewPrivileges=true",
        "PrivateTmp=true",
        "LimitNOFILE=65536",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        &format!("ReadWritePaths={}", federation.data("KOR-1").display()),
    ] {
        assert!(ended.stdout.lines().any(|one| one == line), "expected `{line}`: {ended:#?}");
    }
    assert!(ended.stderr.contains("systemctl enable --now watchfire-KOR-1.service"), "{ended:#?}");
    let path = federation.home("KOR-1").join("watchfire-KOR-1.service");
    std::fs::write(&path, &ended.stdout).expect("the folder can be written");
    let Ok(verified) = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .env("SYSTEMD_LOG_LEVEL", "warning")
        .output()
    else {
        println!("SKIPPED: systemd-analyze is missing; it comes with systemd");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    let about: Vec<&str> = said.lines().filter(|line| line.contains("watchfire-KOR-1")).collect();
    assert!(verified.status.success() && about.is_empty(), "{said}");
}

#[test]
fn a_log_for_programs_has_an_object_a_line() {
    let federation = Federation::new("log-json");
    federation.edit_config("KOR-1", |text| {
        assert!(text.contains("[log]\nformat = \"text\"\nfilter = \"warn\""), "{text}");
        text.replace("format = \"text\"\nfilter = \"warn\"", "format = \"json\"\nfilter = \"info\"")
    });
    let mut command = watchfire();
    command.env_remove("WATCHFIRE_LOG");
    let korea = federation.start_as("KOR-1", command);
    // A caller that is turned away is a finding, and a finding is a line.
    let finding = wait_for("a finding", || {
        let mut stranger = std::net::TcpStream::connect(federation.line_address("KOR-1"))
            .map_err(|error| vec![error.to_string()])?;
        std::io::Write::write_all(&mut stranger, b"who is there?\n").ok();
        korea.api.finding(&["turned away"])
    });
    korea.stop();
    let said = federation.stderr("KOR-1");
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let told = lines.iter().find(|line| line["finding"] == finding["message"]);
    let told = told.unwrap_or_else(|| panic!("expected {finding} in {lines:#?}"));
    assert_eq!((&told["message"], &told["source"]), (&"finding".into(), &finding["source"]));
    assert!(told["level"] == "WARN" && told["timestamp"].is_string(), "{told}");

    federation.edit_config("KOR-1", |text| text.replace("filter = \"info\"", "filter = \"a=b=c\""));
    let config = federation.config("KOR-1");
    let refused = run(["node".as_ref(), "--config".as_ref(), config.as_os_str()]);
    assert!(!refused.success && refused.stderr.contains("expected `log.filter`"), "{refused:#?}");
}
