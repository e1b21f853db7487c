//! Tests that execute the example programs and check their output.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Returns a command that starts `program` without the environment variables of this process,
/// except `PATH`.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

#[test]
fn programs_that_end_print_their_result() {
    for (program, expected) in [
        (env!("CARGO_BIN_EXE_custom_agent"), "PullRequest {"),
        (env!("CARGO_BIN_EXE_custom_host"), "branch claude/issue-1-"),
        (env!("CARGO_BIN_EXE_custom_runner"), "pull_request"),
        (env!("CARGO_BIN_EXE_custom_store"), "model/api-key Version(1)"),
        (env!("CARGO_BIN_EXE_observe"), "work       0."),
        (env!("CARGO_BIN_EXE_github_emulator"), "1 comment"),
    ] {
        let output = command(program).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {} {printed} {errors}", output.status);
        assert!(printed.contains(expected), "{program} printed {printed} {errors}");
        assert!(!printed.contains("secret\""), "{program} printed a secret: {printed}");
    }
}

/// A server process and its address. The process is killed when the value is dropped.
struct Server(Child, String);

impl Server {
    /// Starts the program, and waits until it prints a line with its address.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            Some(rest.split('/').next().unwrap_or(rest).to_owned())
        });
        Self(child, address.unwrap())
    }

    /// Sends `request` without a body, and returns the whole response.
    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        let head = format!("{request}Host: {}\r\nConnection: close\r\n\r\n", self.1);
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_mounted_service_answers_beside_other_routes() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = command(env!("CARGO_BIN_EXE_mount_service"));
    program
        .env("CCC_LISTEN", "127.0.0.1:0")
        .env("CCC_DATA_DIR", directory.path())
        .env("CCC_AGENT__KIND", "command:true")
        .env("CCC_RUNNER__DANGEROUSLY_AS_ROOT", "true");
    let server = Server::start(program);
    assert!(server.send("GET /hello HTTP/1.1\r\n").ends_with("hello"));
    let health = server.send("GET /claude/health HTTP/1.1\r\n");
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("no GitHub App"), "{health}");
    let delivery = server.send("POST /claude/webhook/github HTTP/1.1\r\nContent-Length: 0\r\n");
    // The delivery has no headers of GitHub. A path that is not mounted would be answered with 404.
    assert!(delivery.starts_with("HTTP/1.1 400"), "{delivery}");
}

#[test]
fn the_webhook_alone_refuses_a_delivery_without_a_signature() {
    let mut program = command(env!("CARGO_BIN_EXE_webhook_only"));
    program.env("WEBHOOK_SECRET", "a secret");
    let server = Server::start(program);
    let delivery = server.send("POST /webhook/github HTTP/1.1\r\nContent-Length: 2\r\n");
    assert!(delivery.starts_with("HTTP/1.1 400"), "{delivery}");
}
