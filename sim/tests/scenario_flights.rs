//! Flights against what was announced and against closed forms.

use watchfire_sim::scenario::published;

#[test]
fn announced_flights_are_reproduced() {
    println!(
        "| flight | apogee km | off | range km | off | time s | off s | tilt ° | cut-off | pace | \
         burnout s | lands | steps |"
    );
    for flight in published::ALL {
        let started = std::time::Instant::now();
        let solved = flight.plan().solve().unwrap_or_else(|e| panic!("{}: {e}", flight.name));
        let (off, flown) = (solved.residuals, &solved.trajectory);
        println!(
            "| {} | {} | {:.1e} | {} | {:.1e} | {:.1} | {:.2} | {:.2} | {:.3} | {:.3} | {:.0} | \
             {:.3} {:.3} | {} | {:?}",
            flight.name,
            flight.apogee_km,
            off.apogee,
            flight.range_km,
            off.range,
            flown.flight_s,
            off.flight_time_s.unwrap_or(f64::NAN),
            solved.guidance.tilt.0.to_degrees(),
            solved.guidance.cutoff_share,
            solved.guidance.pace,
            flown.burnout_s,
            flown.impact.lat().0,
            flown.impact.lon().0,
            flown.steps(),
            started.elapsed(),
        );
        assert!(off.apogee.abs() < 1e-6, "{}", flight.name);
        assert!(off.range.abs() < 1e-6, "{}", flight.name);
        assert!(off.bearing_deg.abs() < 1e-4, "{}", flight.name);
    }
}
