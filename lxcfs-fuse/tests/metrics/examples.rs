//! What is in examples/prometheus is what Prometheus takes.

use std::path::Path;
use std::process::Command;

use super::has;

fn promtool(words: &[&str]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/prometheus");
    let output = Command::new("promtool").args(words).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "promtool {words:?}: {output:?}");
}

#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    if has("promtool") {
        promtool(&["check", "config", "prometheus.yaml"]);
        promtool(&["check", "rules", "alerts.yaml"]);
    }
}

#[test]
fn alerts_fire_when_they_should_and_not_else() {
    if has("promtool") {
        promtool(&["test", "rules", "alerts_test.yaml"]);
    }
}
