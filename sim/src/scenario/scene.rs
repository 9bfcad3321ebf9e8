//! A scene: objects, sensors and injects between two times; recorded into the scenario and truth
//! files of `formats::scenario`.

use base::{Position, Seconds, TimeDelta, Timestamp, Velocity};
use formats::scenario::{Header, Inject, Line, Truth};

use super::Error;
use super::object::Object;
use super::random::Dice;
use super::sensor::{Sensor, rounded};

/// Everything a recording is made from.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The realm it plays in, `exercise/NAME`.
    pub realm: String,
    /// First instant.
    pub begin: Timestamp,
    /// Last instant.
    pub end: Timestamp,
    /// What moves.
    pub objects: Vec<Object>,
    /// What looks.
    pub sensors: Vec<Sensor>,
    /// What else happens.
    pub injects: Vec<Inject>,
    /// Between two truth lines of one object.
    pub truth_period: Seconds,
}

/// The two files, line by line.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The scenario: header, then scans and injects in the order of arrival.
    pub lines: Vec<Line>,
    /// The truth, by time and name; each flight ends with the line of its impact.
    pub truth: Vec<Truth>,
}

impl Scene {
    /// Records the scene with the noise of `seed`; the same seed gives the same bytes.
    pub fn record(&self, seed: u64) -> Result<Recording, Error> {
        let headers = self.sensors.iter().map(|sensor| sensor.header.clone()).collect();
        let mut timed = Vec::new();
        for (stream, sensor) in (0..).zip(&self.sensors) {
            let mut dice = Dice::new(seed, stream);
            for scan in sensor.watch(&self.objects, self.begin, self.end, &mut dice)? {
                timed.push((scan.t_arrive(), stream, scan.number(), Line::Scan(scan)));
            }
        }
        for (number, inject) in (0..).zip(&self.injects) {
            timed.push((inject.t, u64::MAX, number, Line::Inject(inject.clone())));
        }
        timed.sort_by_key(|&(time, stream, number, _)| (time, stream, number));
        let mut lines = vec![Line::Header(Header::new(seed, self.realm.clone(), headers)?)];
        lines.extend(timed.into_iter().map(|(_, _, _, line)| line));
        Ok(Recording { lines, truth: self.truth()? })
    }

    fn truth(&self) -> Result<Vec<Truth>, Error> {
        let period = TimeDelta::from_seconds_f64(self.truth_period);
        assert!(period > TimeDelta::ZERO, "truth lines need a period");
        let mut truth = Vec::new();
        for object in &self.objects {
            let mut times = Vec::new();
            let mut time = self.begin;
            while time <= self.end {
                times.push(time);
                time += period;
            }
            times.extend(object.impact().filter(|impact| *impact <= self.end));
            for time in times {
                let Some(sight) = object.at(time) else { continue };
                truth.push(Truth::new(
                    time,
                    object.name.clone(),
                    object.class,
                    Position::new(sight.motion.position.xyz.map(|x| rounded(x, 100.0))),
                    Velocity::new(sight.motion.velocity.xyz.map(|v| rounded(v, 1e4))),
                )?);
            }
        }
        truth.sort_by(|a, b| (a.t(), a.object()).cmp(&(b.t(), b.object())));
        Ok(truth)
    }
}

impl Recording {
    /// The scenario file's bytes.
    pub fn scenario_text(&self) -> String {
        self.lines.iter().map(|line| line.to_json() + "\n").collect()
    }

    /// The truth file's bytes.
    pub fn truth_text(&self) -> String {
        self.truth.iter().map(|line| line.to_json() + "\n").collect()
    }
}
