//! What a daemon says of itself as JSON, with what it does now: the object that scripts get. Pure.

use std::time::Duration;

use lxcfs_fuse::status::Status;
use serde_json::{Value, json};

use super::head;
use super::rows::{Row, apart, rate_milli, rows};
use super::whom::Whom;
use crate::failure::Failure;

/// The daemon's own object, with `wrong` and `now` in it, and with `name` and `now` in each container. With `whom`, only that
/// container is in it.
pub(super) fn object(before: Option<&Status>, now: &Status, whom: Option<&Whom>) -> Result<Value, Failure> {
    let mut object = serde_json::to_value(now).map_err(std::io::Error::from)?;
    let wrong = head::wrong(before, now, env!("CARGO_PKG_VERSION"));
    let apart = apart(before, now);
    let of_daemon = before.zip(apart).map(|(before, apart)| {
        let since = |count: fn(&Status) -> u64| rate_milli(count(now).saturating_sub(count(before)), apart);
        json!({
            "seconds": apart.as_secs_f64(),
            "reads_per_second": decimal(since(|status| status.counts.renderings)),
            "errors_per_second": decimal(since(|status| status.counts.failures)),
        })
    });
    put(&mut object, "wrong", json!(wrong));
    put(&mut object, "now", json!(of_daemon));
    let mut rows = rows(before, now);
    if let Some(whom) = whom {
        whom.only(&mut rows)?;
    }
    let containers: Result<Vec<Value>, _> = rows.iter().map(|row| of_container(row, apart)).collect();
    put(
        &mut object,
        "containers",
        json!(containers.map_err(std::io::Error::from)?),
    );
    Ok(object)
}

fn of_container(row: &Row, apart: Option<Duration>) -> Result<Value, serde_json::Error> {
    let mut container = serde_json::to_value(&row.container)?;
    let [p50, p99] = row.waits_ns();
    let now = row.now.as_ref().zip(apart).map(|(now, apart)| {
        json!({
            "reads": now.reads,
            "reads_per_second": decimal(now.rate_milli),
            "errors_per_second": decimal(rate_milli(now.errors, apart)),
            "p50_ns": p50,
            "p99_ns": p99,
        })
    });
    put(&mut container, "name", json!(row.name));
    put(&mut container, "now", json!(now));
    Ok(container)
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// Thousandths as a number with a point.
fn decimal(milli: u64) -> Value {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.parse::<f64>().map_or(Value::Null, |number| json!(number))
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::*;

    #[test]
    fn the_daemons_object_stays_as_it_is_and_now_is_added() {
        let before = status(1000, vec![container(1, 0, &[("proc/stat", 10)])]);
        let mut now = status(3000, vec![container(1, 0, &[("proc/stat", 25)])]);
        now.counts.renderings = 15;
        let object = object(Some(&before), &now, None).unwrap();
        assert_eq!(object["now"]["seconds"], 2.0);
        assert_eq!(object["now"]["reads_per_second"], 7.5);
        assert_eq!(object["wrong"], json!([]));
        let of_container = &object["containers"][0];
        assert_eq!(of_container["name"], "lxc ct1");
        assert_eq!(of_container["reads"]["proc/stat"], 25);
        assert_eq!(of_container["now"]["reads"]["proc/stat"], 15);
        assert_eq!(of_container["now"]["reads_per_second"], 7.5);
        assert_eq!(of_container["now"]["p50_ns"], 12_288);
        // What was added is more than the daemon said, and all else is that.
        let said: Status = serde_json::from_value(object).unwrap();
        assert_eq!(said, now);
    }

    #[test]
    fn one_look_knows_nothing_of_now() {
        let object = object(None, &status(1000, vec![container(1, 0, &[])]), None).unwrap();
        assert_eq!(object["now"], Value::Null);
        assert_eq!(object["containers"][0]["now"], Value::Null);
    }
}
