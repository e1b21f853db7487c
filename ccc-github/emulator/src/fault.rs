//! Faults: failures that a test injects for chosen routes.

use std::time::Duration;

/// A rule that makes the emulator delay, replace or cut off the responses to some requests.
///
/// ```
/// use std::time::Duration;
/// use github_emulator::Fault;
///
/// // The second and third pull request are opened, but the responses are lost.
/// let lost = Fault::on("POST", "/repos/octo/hello/pulls").cut().after_the_effect();
/// let lost = lost.skip(1).times(2);
/// // One response is delayed by 3 seconds, and all responses of another route are HTML.
/// let late = Fault::on("GET", "/repos/*/*").delay(Duration::from_secs(3));
/// let html = Fault::on("*", "/app").body(200, "text/html", "<html>").times(usize::MAX);
/// # let _ = (lost, late, html);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    method: String,
    path: String,
    skip: usize,
    left: usize,
    /// Whether the emulator processes a matching request as usual before the fault changes the
    /// response.
    pub(crate) after: bool,
    pub(crate) effect: FaultEffect,
}

/// The way in which a [`Fault`] changes the response to a request.
#[derive(Clone, Debug)]
pub(crate) enum FaultEffect {
    Status {
        status: u16,
        headers: Vec<(String, String)>,
    },
    Body {
        status: u16,
        content_type: String,
        body: String,
    },
    Delay(Duration),
    /// The connection is closed without a response.
    Cut,
    /// The connection is closed after the headers and half of the body of the response.
    CutInTheMiddle,
}

impl Fault {
    /// Creates a fault for the next request with the method `method` and a path that starts with
    /// the segments of `path`. `*` as method or as segment matches any value. By default, the
    /// request has no effect, and the response has the status 500.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            skip: 0,
            left: 1,
            after: false,
            effect: FaultEffect::Status { status: 500, headers: Vec::new() },
        }
    }

    /// Makes the fault apply to requests with `method` and `path` instead of the values that were
    /// passed to [`on`](Self::on).
    pub fn at(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// Makes the response an error in GitHub's JSON format with the status `status`.
    pub fn status(mut self, status: u16) -> Self {
        self.effect = FaultEffect::Status { status, headers: Vec::new() };
        self
    }

    /// Adds a header, such as `retry-after`, to the error response that [`status`](Self::status)
    /// sets. Has no effect on other kinds of faults.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let FaultEffect::Status { headers, .. } = &mut self.effect {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Makes the response consist of `status`, `content_type` and `body`. `body` does not have to
    /// be valid JSON.
    pub fn body(mut self, status: u16, content_type: &str, body: &str) -> Self {
        let (content_type, body) = (content_type.to_owned(), body.to_owned());
        self.effect = FaultEffect::Body { status, content_type, body };
        self
    }

    /// Makes the emulator wait for the duration `by` before it processes the request as usual.
    pub fn delay(mut self, by: Duration) -> Self {
        self.effect = FaultEffect::Delay(by);
        self
    }

    /// Makes the emulator close the connection without a response.
    pub fn cut(mut self) -> Self {
        self.effect = FaultEffect::Cut;
        self
    }

    /// Makes the emulator process the request as usual, but close the connection after half of the
    /// response.
    pub fn cut_in_the_middle(mut self) -> Self {
        self.effect = FaultEffect::CutInTheMiddle;
        self.after = true;
        self
    }

    /// Makes the emulator process the request as usual before the fault applies. The request has
    /// its usual effect, and only its ordinary response is lost.
    pub fn after_the_effect(mut self) -> Self {
        self.after = true;
        self
    }

    /// Makes the fault ignore the first `requests` matching requests.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Makes the fault apply to `requests` matching requests. The default is one request.
    pub fn times(mut self, requests: usize) -> Self {
        self.left = requests;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        if self.method != "*" && !self.method.eq_ignore_ascii_case(method) {
            return false;
        }
        let mut actual = path.split('/');
        let mut wanted = self.path.trim_end_matches('/').split('/');
        wanted.all(|part| actual.next().is_some_and(|here| part == "*" || part == here))
    }
}

/// Returns the first fault that applies to a request with `method` and `path`. Counts the request
/// for [`Fault::skip`] and [`Fault::times`].
pub(crate) fn due(faults: &mut [Fault], method: &str, path: &str) -> Option<Fault> {
    for fault in faults.iter_mut().filter(|fault| fault.left > 0) {
        if !fault.matches(method, path) {
            continue;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        fault.left -= 1;
        return Some(fault.clone());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_applies_to_its_route_after_skip_and_up_to_times() {
        let mut faults = [Fault::on("POST", "/repos/*/hello/issues").skip(1).times(2)];
        let mut ask = |method: &str, path: &str| due(&mut faults, method, path).is_some();
        for (method, path, expected) in [
            ("GET", "/repos/octo/hello/issues", false),
            ("POST", "/repos/octo/other/issues", false),
            ("POST", "/repos/octo/hello", false),
            ("POST", "/repos/octo/hello/issuesque", false),
            ("POST", "/repos/octo/hello/issues", false),
            ("POST", "/repos/octo/hello/issues/1/comments", true),
            ("post", "/repos/x/hello/issues", true),
            ("POST", "/repos/octo/hello/issues", false),
        ] {
            assert_eq!(ask(method, path), expected, "{method} {path}");
        }
    }
}
