//! A small disk that fills up: what is urgent has the last of it, and the rest goes on by itself.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Api, EVERYONE, Federation, figure, run, scan_proposal, wait_for};

const MIB: usize = 1024 * 1024;

/// A file system of its own, in memory; gone with it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, mib: usize) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        let size = format!("size={mib}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Leaves about so much free; nothing if 0.
    fn fill(&self, free_mib: usize) -> PathBuf {
        let path = self.0.join(format!("filler-{free_mib}"));
        let mut file = File::create(&path).expect("a file can be made");
        let block = vec![7; MIB / 4];
        loop {
            let free = rustix::fs::statvfs(&self.0).expect("the disk can be asked");
            let free = usize::try_from(free.f_bavail * free.f_frsize).expect("it is small");
            if free <= free_mib * MIB || file.write_all(&block).is_err() {
                return path;
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

fn append(api: &Api, number: u64, precedence: &str) -> (u16, Value) {
    let mut proposal = scan_proposal("KOR", "site-1", number, EVERYONE);
    proposal["precedence"] = precedence.into();
    proposal["timeout_ms"] = 5_000.into();
    let answer = api.post("/api/v1/entries", &proposal);
    (answer.status, answer.body)
}

#[test]
fn flash_has_the_last_of_a_disk_and_the_rest_goes_on_by_itself() {
    let federation = Federation::new("room");
    let Some(disk) = SmallDisk::mount(&federation.data("KOR-1"), 160) else {
        println!("SKIPPED: a small disk: `mount -t tmpfs` is not allowed to this user");
        return;
    };
    federation.edit_config("KOR-1", |text| {
        let text = text.replace("reserve_mib = 64", "reserve_mib = 16");
        text.replace("low_mib = 256", "low_mib = 48")
    });
    let korea = federation.start("KOR-1");
    let api = korea.api.clone();
    let reserve = federation.data("KOR-1").join("reserve");
    let level = || figure(&korea, "watchfire_disk_level");
    let comes_to = |expect: u64| {
        wait_for("the level of the disk", || match level() {
            level if level == expect => Ok(()),
            level => Err(level),
        });
    };
    assert_eq!(std::fs::metadata(&reserve).expect("there is a reserve").len(), 16 * MIB as u64);
    for (number, precedence) in ["routine", "priority", "immediate", "flash"].iter().enumerate() {
        let answer = append(&api, number as u64, precedence);
        assert_eq!((answer.0, &answer.1["state"]), (200, &"reached".into()), "{answer:?}");
    }

    let filler = disk.fill(32);
    comes_to(1);
    for (number, precedence, status) in
        [(10, "routine", 503), (11, "priority", 503), (12, "immediate", 200), (13, "flash", 200)]
    {
        let answer = append(&api, number, precedence);
        assert_eq!(answer.0, status, "{precedence}: {answer:?}");
    }
    let told = wait_for("a finding", || api.finding(&["disk", "ROUTINE and PRIORITY wait"]));
    assert_eq!(told["severity"], "warning");
    assert_eq!(api.status()["node"]["state"], "degraded");
    assert!(reserve.exists());

    let last = disk.fill(0);
    comes_to(2);
    assert!(!reserve.exists(), "the reserve is what FLASH lives on");
    for (number, precedence, status) in
        [(20, "routine", 503), (21, "immediate", 503), (22, "flash", 200)]
    {
        let answer = append(&api, number, precedence);
        assert_eq!(answer.0, status, "{precedence}: {answer:?}");
    }
    // Thirty more, in what the reserve gave back.
    for number in 30..60 {
        let answer = append(&api, number, "flash");
        assert_eq!((answer.0, &answer.1["state"]), (200, &"reached".into()), "{answer:?}");
    }
    wait_for("a finding", || api.finding(&["disk", "all but FLASH waits"]));
    let config = federation.config("KOR-1");
    let doctor =
        run(["doctor".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_os_str()]);
    let checks = doctor.json()["checks"].as_array().expect("checks").clone();
    let check = checks.iter().find(|check| check["name"] == "reserve").expect("it is looked at");
    assert_eq!(check["state"], "error", "{check}");

    for filler in [filler, last] {
        std::fs::remove_file(filler).expect("the filler can be removed");
    }
    comes_to(0);
    wait_for("a finding", || api.finding(&["disk", "room for everything"]));
    assert_eq!(std::fs::metadata(&reserve).expect("it is there again").len(), 16 * MIB as u64);
    let answer = append(&api, 70, "routine");
    assert_eq!((answer.0, &answer.1["state"]), (200, &"reached".into()), "{answer:?}");
    wait_for("the node to be well", || {
        let status = api.status();
        if status["node"]["state"] == "ok" { Ok(()) } else { Err(status) }
    });
    korea.stop();
    federation.assert_clean("KOR-1");
    drop(disk);
}
