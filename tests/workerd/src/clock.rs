//! A clock with JavaScript's time.

use std::time::Duration;

use async_trait::async_trait;
use ccc_core::Clock;
use jiff::Timestamp;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function, milliseconds: i32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// A clock that uses `Date` and `setTimeout`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsClock;

/// A timer that is cancelled on drop.
struct Timer(JsValue);

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.0);
    }
}

#[async_trait(?Send)]
impl Clock for JsClock {
    fn now(&self) -> Timestamp {
        // Whole milliseconds, which are within the range of a timestamp.
        Timestamp::from_millisecond(js_sys::Date::now() as i64).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        // The maximum delay of `setTimeout`, in milliseconds. A longer delay would end at once.
        const MOST: u128 = i32::MAX as u128;
        // A sleep must not end early, but a timer can, by less than a millisecond.
        let mut left = duration.as_micros().div_ceil(1000) + 1;
        while left > 0 {
            let now = left.min(MOST);
            left -= now;
            let mut timer = None;
            let rung = Promise::new(&mut |resolve, _| {
                timer = Some(Timer(set_timeout(&resolve, i32::try_from(now).unwrap_or(i32::MAX))));
            });
            // This promise is never rejected.
            let _ = JsFuture::from(rung).await;
            drop(timer);
        }
    }
}
