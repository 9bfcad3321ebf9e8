//! Real NATS servers on loopback, to measure and test with: started, killed, frozen, started again.
//!
//! Only `std`, so that tests of the whole program can include this file too.

use std::fmt::Write as _;
use std::io::{Error, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Names the server's program; `cargo xtask` sets it.
pub(crate) const PROGRAM_VARIABLE: &str = "WATCHFIRE_NATS_SERVER";
/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(50);
/// Looks before giving up: half a minute.
const LOOKS_MAX: u32 = 600;

/// One server; killed when dropped.
struct Server {
    config: PathBuf,
    port: u16,
    monitor: u16,
    child: Option<Child>,
}

/// A cluster of servers with file storage and `sync_interval: always`; gone when dropped.
pub(crate) struct Cluster {
    program: PathBuf,
    servers: Vec<Server>,
}

/// The server's program, or why there is none.
pub(crate) fn program() -> Result<PathBuf, String> {
    let named = std::env::var_os(PROGRAM_VARIABLE).map(PathBuf::from);
    // Where `cargo xtask test --only tools` installs it.
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/nats-server");
    let path = named.unwrap_or(usual);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "`nats-server` is not installed; `cargo xtask test --only tools` does, or name it in `{PROGRAM_VARIABLE}`"
    ))
}

impl Cluster {
    /// Starts `count` servers that keep their files below `folder`, and waits until they are ready.
    pub(crate) fn start(program: PathBuf, folder: &Path, count: usize) -> Result<Self, Error> {
        std::fs::create_dir_all(folder)?;
        let ports = free_ports(count * 3)?;
        let routes: Vec<String> =
            ports[2 * count..].iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let mut servers = Vec::new();
        for number in 0..count {
            let (port, monitor) = (ports[number], ports[count + number]);
            let config = folder.join(format!("server-{number}.conf"));
            let store = folder.join(format!("server-{number}"));
            let mut text = format!(
                "server_name: server-{number}\nlisten: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\n\
                 max_payload: 8MB\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: always, max_file_store: 8GB }}\n",
                store.display(),
            );
            if count > 1 {
                writeln!(
                    text,
                    "cluster {{ name: watchfire, listen: 127.0.0.1:{}, routes: [{}] }}",
                    ports[2 * count + number],
                    routes.join(", ")
                )
                .expect("strings take it");
            }
            std::fs::write(&config, text)?;
            servers.push(Server { config, port, monitor, child: None });
        }
        let mut cluster = Self { program, servers };
        for number in 0..count {
            cluster.spawn(number)?;
        }
        for number in 0..count {
            cluster.wait(number)?;
        }
        Ok(cluster)
    }

    fn spawn(&mut self, number: usize) -> Result<(), Error> {
        let server = &mut self.servers[number];
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(server.config.with_extension("log"))?;
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&server.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        server.child = Some(child);
        Ok(())
    }

    fn wait(&self, number: usize) -> Result<(), Error> {
        for _ in 0..LOOKS_MAX {
            if self.page(number, "/healthz").is_ok_and(|page| page.contains(" 200 ")) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(Error::other(format!(
            "server {number} is not healthy; see `{}`",
            self.servers[number].config.with_extension("log").display()
        )))
    }

    /// One of the server's monitoring pages, head and all.
    fn page(&self, number: usize, path: &str) -> Result<String, Error> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.servers[number].monitor))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    /// Kills a server as a crash does.
    pub(crate) fn kill(&mut self, number: usize) -> Result<(), Error> {
        if let Some(mut child) = self.servers[number].child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Tells a server to end and waits until it has.
    #[cfg(test)]
    pub(crate) fn stop(&mut self, number: usize) -> Result<(), Error> {
        if let Some(mut child) = self.servers[number].child.take() {
            let status = Command::new("kill").arg(child.id().to_string()).status()?;
            assert!(status.success(), "the signal was sent");
            child.wait()?;
        }
        Ok(())
    }

    /// Starts a killed server again and waits until it has caught up.
    pub(crate) fn restart(&mut self, number: usize) -> Result<(), Error> {
        self.spawn(number)?;
        self.wait(number)
    }

    /// Freezes a server, or lets it go on: its connections stay open and nothing answers.
    #[cfg(test)]
    pub(crate) fn freeze(&self, number: usize, frozen: bool) -> Result<(), Error> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let child = self.servers[number].child.as_ref().expect("the server runs");
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status()?;
        assert!(status.success(), "the signal was sent");
        Ok(())
    }

    /// The server that leads the stream, if one says so.
    pub(crate) fn leader(&self, stream: &str) -> Option<usize> {
        (0..self.servers.len()).find_map(|number| {
            let page = self.page(number, "/jsz?streams=true").ok()?;
            let (_, rest) = page.split_once(&format!("\"name\": \"{stream}\""))?;
            let (_, rest) = rest.split_once("\"leader\": \"server-")?;
            rest.split_once('"')?.0.parse().ok()
        })
    }

    /// The servers' addresses for clients.
    pub(crate) fn servers(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port)).collect()
    }

    /// Their monitoring addresses.
    pub(crate) fn monitors(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("http://127.0.0.1:{}", server.monitor)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for number in 0..self.servers.len() {
            self.kill(number).ok();
        }
    }
}

/// Ports that were free a moment ago, none twice.
fn free_ports(count: usize) -> Result<Vec<u16>, Error> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
