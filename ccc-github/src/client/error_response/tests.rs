use ccc_core::{Error, ErrorKind};

use super::*;

fn error(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Error {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    let now = Timestamp::from_second(1_000).unwrap();
    from_response("GET /x".to_owned(), &response, now, Some(&Secret::from("hunter2"))).into()
}

#[test]
fn each_status_has_an_error_kind() {
    // spec: G6a
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (422, ErrorKind::InvalidInput),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (302, ErrorKind::Unexpected),
    ] {
        assert_eq!(error(status, &[], "not json").kind(), kind, "{status}");
    }
}

#[test]
fn a_rate_limit_error_has_its_wait() {
    // spec: G6a
    let wait = |e: Error| (e.kind(), e.retry_after().map(|d| d.as_secs()));
    let limited = |s| (ErrorKind::RateLimited, Some(s));
    assert_eq!(wait(error(403, &[("retry-after", "7")], "{}")), limited(7));
    assert_eq!(wait(error(429, &[], "{}")), limited(60));
    let primary = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1090")];
    assert_eq!(wait(error(403, &primary, "{}")), limited(90));
    assert_eq!(wait(error(403, &[("retry-after", "0")], "{}")), limited(1));
    let far = [("retry-after", "18446744073709551615")];
    assert_eq!(wait(error(429, &far, "{}")), limited(86_400));
    let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")];
    assert_eq!(wait(error(403, &past, "{}")), limited(1));
    let some_left = [("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1090")];
    assert_eq!(wait(error(403, &some_left, "{}")), (ErrorKind::PermissionDenied, None));
    let secondary = r#"{"message":"You have exceeded a secondary rate limit"}"#;
    assert_eq!(wait(error(403, &[], secondary)), limited(60));
    assert_eq!(wait(error(503, &[("retry-after", "3")], "{}")), (ErrorKind::Unavailable, Some(3)));
}

#[test]
fn a_repeated_token_is_redacted() {
    // spec: G6c
    let line =
        |headers: &[(&'static str, &'static str)], body| error(400, headers, body).to_string();
    let body = r#"{"message":"you sent hunter2","errors":null}"#;
    let echoed = line(&[("x-github-request-id", "hunter2.of.mine")], body);
    assert!(echoed.contains("you sent [REDACTED]") && !echoed.contains("hunter2"), "{echoed}");
    for errors in ["null", "\"x\"", "{}", "[1]"] {
        let body = format!(r#"{{"message":"secondary rate limit","errors":{errors}}}"#);
        let body: &'static str = Box::leak(body.into_boxed_str());
        assert_eq!(error(403, &[], body).kind(), ErrorKind::RateLimited, "{errors}");
    }
}

#[test]
fn the_message_has_the_call_githubs_message_and_the_request_id() {
    // spec: G6a
    let headers = [("x-github-request-id", "AB:12")];
    let body = r#"{"message":"Validation\nFailed","errors":[{"message":"already exists"},"x"]}"#;
    assert_eq!(
        error(422, &headers, body).to_string(),
        "GitHub answered 422 Unprocessable Entity to GET /x: \
         Validation Failed; already exists; x (request AB:12)"
    );
}
