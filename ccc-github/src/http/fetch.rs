//! An HTTP client over the function `fetch` of a JavaScript runtime.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ccc_core::{Error, ErrorKind, Result};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect, Response,
};

use crate::http::transport::{Http, MAX_RESPONSE, TIMEOUT};

/// An implementation of [`Http`] over the function `fetch` of the JavaScript runtime. Redirects are
/// returned and not followed, because some runtimes would send the `Authorization` header to the
/// host that the redirect names (spec: G8b).
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchHttp;

#[async_trait(?Send)]
impl Http for FetchHttp {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let host = request.uri().authority().map_or("", |host| host.as_str()).to_owned();
        let failed = |error: JsValue| failure(&error, &host);
        let response = JsFuture::from(start(&request).map_err(failed)?).await.map_err(failed)?;
        let response: Response = response.dyn_into().map_err(failed)?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in pairs(&response.headers()) {
            answer = answer.header(name, value);
        }
        let body = read(&response, &host).await?;
        answer.body(body).map_err(|error| {
            let line = format!(
                "the response from {host} is not a valid HTTP response, possibly because the API \
                 URL redirects to another URL and the JavaScript runtime hides this redirect: \
                 check the API URL"
            );
            Error::new(ErrorKind::Unexpected, line).with_source(error)
        })
    }
}

fn start(request: &http::Request<Bytes>) -> std::result::Result<Promise, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in request.headers() {
        let value =
            value.to_str().map_err(|_| JsValue::from("a request header is not ASCII text"))?;
        headers.append(name.as_str(), value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method().as_str());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    let timeout = u32::try_from(TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout)));
    if !request.body().is_empty() {
        init.set_body(&Uint8Array::from(&request.body()[..]));
    }
    let global = js_sys::global();
    let fetch: Function = Reflect::get(&global, &"fetch".into())?.dyn_into()?;
    fetch.call2(&global, &request.uri().to_string().into(), &init)?.dyn_into()
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let text = |pair: &Array, at| pair.get(at).as_string().unwrap_or_default();
    let all = js_sys::try_iter(headers).ok().flatten().into_iter().flatten();
    all.filter_map(|pair| pair.ok()?.dyn_into::<Array>().ok())
        .map(|pair| (text(&pair, 0), text(&pair, 1)))
        .collect()
}

async fn read(response: &Response, host: &str) -> Result<Bytes> {
    let failed = |error: JsValue| failure(&error, host);
    let mut body = BytesMut::new();
    let Some(stream) = response.body() else { return Ok(Bytes::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into().map_err(|_| {
        Error::new(
            ErrorKind::Unexpected,
            "cannot read the response body: the JavaScript runtime returned an unexpected kind of \
             reader",
        )
    })?;
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(failed)?;
        if Reflect::get(&chunk, &"done".into()).map_err(failed)?.is_truthy() {
            return Ok(body.freeze());
        }
        let bytes = Reflect::get(&chunk, &"value".into()).map_err(failed)?;
        let bytes: Uint8Array = bytes.dyn_into().map_err(failed)?;
        if body.len() + bytes.length() as usize > MAX_RESPONSE {
            // The rest of the body is not needed, so the result of the cancellation does not
            // matter.
            let _ = reader.cancel();
            let line = format!("the response from {host} is larger than the limit of 8 MiB");
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        body.extend_from_slice(&bytes.to_vec());
    }
}

/// Converts an error of the JavaScript runtime to an [`Error`] with a message of one line. A
/// timeout can only be recognized by the text of the runtime's error.
fn failure(error: &JsValue, host: &str) -> Error {
    let text = format!("{error:?}").replace(['\n', '\r'], " ");
    if text.contains("TimeoutError") || text.contains("due to timeout") {
        let line =
            format!("{host} did not answer in time: check that this server is up and reachable");
        return Error::new(ErrorKind::TimedOut, line);
    }
    let text: String = text.chars().take(200).collect();
    let line = format!("cannot reach {host}: check the API URL and the network ({text})");
    Error::new(ErrorKind::Unavailable, line)
}
