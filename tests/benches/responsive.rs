//! Benchmark of the responses to `GET /health` and to signed pings while the service is busy: beside
//! a scan, with all threads for blocking work in use, and with a disk that does not respond.

mod hung_disk;
mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ccc::{Config, Service};
use ccc_core::CancellationToken;
use ccc_core::testing::{FakeAgent, FakeRunner};
use hmac::{Hmac, KeyInit as _, Mac as _};
use tokio::net::TcpListener;

use hung_disk::HungDisk;
use support::{Report, Result, Side, Stopwatch};

/// Maximum duration of a response.
const MOST: Duration = Duration::from_secs(1);
/// The time for which requests are sent in each situation.
const PERIOD: Duration = Duration::from_secs(8);
/// The number of threads for blocking work, which is the default of tokio.
const BLOCKING_THREADS: usize = 512;
const SECRET: &str = "It's a Secret to Everybody";
const KEY: &str = include_str!("../../ccc-github/emulator/test-key.pem");

/// The number of deliveries that wait for the disk while it hangs.
const DELIVERIES: usize = 8;

fn main() -> Result<ExitCode> {
    let mut report = Report::new("responsive");
    let dir = tempfile::tempdir()?;
    let disk = HungDisk::mount(dir.path())?.map(Arc::new);
    report.say(match &disk {
        Some(_) => "the disk is a file system on a loop device, which hangs by `fsfreeze`",
        None => {
            "the disk is not simulated, because this process may not mount: a named pipe stands for a file on it"
        }
    });
    let data_dir = disk.as_ref().map_or(dir.path(), |disk| disk.path()).join("data");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let (address, shutdown) = runtime.block_on(start(&data_dir))?;

    let idle = measure(address, ["ping, idle", "health, idle"])?;
    check(&mut report, &idle, &idle);

    let threads = std::thread::available_parallelism()?.get();
    let ends = Arc::new(AtomicBool::new(false));
    for _ in 0..threads {
        let ends = Arc::clone(&ends);
        runtime.spawn_blocking(move || scan_until(&ends));
    }
    let busy = measure(address, ["ping, beside a busy scan", "health, beside a busy scan"])?;
    ends.store(true, Ordering::Relaxed);
    check(&mut report, &busy, &idle);

    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    for _ in 0..2 * BLOCKING_THREADS {
        let gate = Arc::clone(&gate);
        runtime.spawn_blocking(move || drop(gate.lock().map(|gate| gate.recv())));
    }
    let names = ["ping, no thread for blocking work", "health, no thread for blocking work"];
    let full = measure(address, names)?;
    drop(open);
    check(&mut report, &full, &idle);

    match &disk {
        Some(disk) => disk.hang()?,
        None => hang_probe(&data_dir.join("health-probe"))?,
    }
    for number in 0..DELIVERIES {
        let delivery = issue_request(number)?;
        // The response comes when the disk responds again.
        std::thread::spawn(move || request(address, &delivery).map_err(|error| error.to_string()));
    }
    let hung = measure(address, ["ping, the disk hangs", "health, the disk hangs"])?;
    let answer = request(address, &get_health())?;
    if let Some(disk) = &disk {
        disk.respond();
    }
    check(&mut report, &hung, &idle);
    if !answer.contains("the disk does not respond") {
        return Err(format!("the response to /health does not report the disk: {answer}").into());
    }

    // Proof that the goals matter: a wait for the disk on the threads that answer requests.
    let [ping, _] = measure_waits(&runtime, address, disk.as_ref())?;
    report.longest_must_miss(&ping, MOST);

    shutdown.cancel();
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(report.finish())
}

/// Compares the longest response with the goal, and prints the ratio to the responses of an idle service.
fn check(report: &mut Report, sides: &[Side; 2], idle: &[Side; 2]) {
    for (side, idle) in sides.iter().zip(idle) {
        report.longest(side, MOST);
        if side.name() != idle.name() {
            report.figure(side, idle);
        }
    }
}

/// Measures while the threads that answer requests wait for twice [`MOST`]: for a disk that hangs, or
/// without one.
fn measure_waits(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    disk: Option<&Arc<HungDisk>>,
) -> Result<[Side; 2]> {
    if let Some(disk) = disk {
        disk.hang()?;
    }
    for number in 0..std::thread::available_parallelism()?.get() {
        let file = disk.map(|disk| disk.path().join(format!("written-{number}")));
        runtime.spawn(async move {
            match file {
                Some(file) => drop(std::fs::write(file, "x")),
                None => std::thread::sleep(MOST * 2),
            }
        });
    }
    let responding = disk.cloned();
    let responds = std::thread::spawn(move || {
        std::thread::sleep(MOST * 2);
        if let Some(disk) = responding {
            disk.respond();
        }
    });
    let names = ["ping, the threads that answer wait for the disk", "health, the same"];
    let measured = measure(address, names);
    responds.join().map_err(|_| "the thread panicked")?;
    measured
}

/// Starts a service over fakes. Returns its address, and the token that ends it.
async fn start(data_dir: &Path) -> Result<(SocketAddr, CancellationToken)> {
    let settings = [
        ("CCC_DATA_DIR", data_dir.to_str().ok_or("the path is not UTF-8")?),
        ("CCC_STORE__KIND", "memory"),
        ("CCC_GITHUB__API_URL", "http://127.0.0.1:9"),
        ("CCC_GITHUB__APP_ID", "7"),
        ("CCC_GITHUB__PRIVATE_KEY", KEY),
        ("CCC_GITHUB__WEBHOOK_SECRET", SECRET),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let service = Service::builder(&Config::load(None, settings)?)
        .runner(FakeRunner::default())
        .agent(FakeAgent::default())
        .build()
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, shutdown) = (listener.local_addr()?, CancellationToken::new());
    let (app, ends) = (ccc::router(service.clone()), shutdown.clone());
    #[allow(clippy::disallowed_methods, reason = "a bench is a native program")]
    tokio::spawn(async move { service.serve_http(listener, app, ends).await });
    Ok((address, shutdown))
}

/// Sends pings and requests to `/health` in turn, for [`PERIOD`].
fn measure(address: SocketAddr, names: [&'static str; 2]) -> Result<[Side; 2]> {
    let [mut ping, mut health] = names.map(Side::new);
    let (signed, get) = (ping_request()?, get_health());
    let period = Stopwatch::start();
    while period.elapsed() < PERIOD {
        for (side, head) in [(&mut ping, &signed), (&mut health, &get)] {
            let watch = Stopwatch::start();
            let response = request(address, head)?;
            side.add(watch.elapsed());
            if !response.starts_with("HTTP/1.1 200") && !response.contains("does not respond") {
                return Err(format!("unexpected response: {response}").into());
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok([ping, health])
}

fn request(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn get_health() -> String {
    "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned()
}

fn ping_request() -> Result<String> {
    delivery_request("ping", "p", "{}")
}

/// Returns a delivery which says that an issue was opened. The service stores a run for it.
fn issue_request(number: usize) -> Result<String> {
    let user = r#"{"id": 1000, "login": "writer", "type": "User"}"#;
    let time = "1970-01-01T00:00:00Z";
    let body = format!(
        r#"{{"action": "opened", "issue": {{"id": 1, "number": {}, "title": "t", "body": null, "user": {user},
        "state": "open", "created_at": "{time}", "updated_at": "{time}"}}, "repository": {{"id": 7,
        "name": "hello", "full_name": "octo/hello", "owner": {{"id": 2, "login": "octo", "type": "User"}}}},
        "sender": {user}}}"#,
        number + 1
    );
    delivery_request("issues", &format!("i-{number}"), &body)
}

fn delivery_request(event: &str, id: &str, body: &str) -> Result<String> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    Ok(format!(
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/json\r\nx-github-event: {event}\r\nx-github-delivery: {id}\r\n\
         x-hub-signature-256: sha256={signature}\r\n\r\n{body}",
        body.len()
    ))
}

/// Searches a hostile text for secrets again and again until `ends` is true.
fn scan_until(ends: &AtomicBool) {
    let text = "aghp_".repeat(1 << 16);
    while !ends.load(Ordering::Relaxed) {
        std::hint::black_box(ccc_core::secret_scan::find(std::hint::black_box(text.as_bytes())));
    }
}

/// Replaces the file that the health check writes by a named pipe that no process reads. Opening
/// such a pipe for writing does not return, as a write to a disk that hangs.
fn hang_probe(probe: &Path) -> Result<()> {
    std::fs::remove_file(probe)?;
    match std::process::Command::new("mkfifo").arg(probe).status()?.success() {
        true => Ok(()),
        false => Err("cannot create a named pipe".into()),
    }
}
