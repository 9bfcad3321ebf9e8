//! A named small share of `cargo xtask validate releasability`.

use watchfire_sim::releasability::run;

#[test]
fn ten_thousand_cases_are_readable_exactly_when_released() {
    let outcome = run(10_000, 20_260_301);
    assert_eq!(outcome.faults, Vec::<String>::new());
    assert_eq!(outcome.cases, outcome.readable + outcome.hidden);
    // Every kind of step and of adversary was met.
    assert!(outcome.readable > 1_000 && outcome.hidden > 1_000, "{outcome:?}");
    assert!(outcome.thief_cases > 0 && outcome.impostor_cases > 0, "{outcome:?}");
    for step in [
        "append",
        "join",
        "leave",
        "withhold",
        "release",
        "node joins",
        "node leaves",
        "next sealing key",
        "sealing keys destroyed",
        "restart",
        "a day passes",
    ] {
        assert!(outcome.steps.get(step).is_some_and(|count| *count > 0), "{step}: {outcome:?}");
    }
}
