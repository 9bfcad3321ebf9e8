//! What ships and aircraft read of a fall at sea, and the words for a place there.
//!
//! Nobody on land is asked to do anything. The place is given twice: as distance and side of the nearest
//! district, for everybody, and as latitude and longitude in degrees and minutes, for the chart.

use super::Template;
use crate::warning::districts::districts;
use crate::warning::events::{Action, Forecast, Reason, Subject};
use crate::warning::language::{Language, Text};
use crate::warning::offing::{Offing, sea_area};
use crate::warning::touch::RADIUS_90;

pub(super) const fn template(action: Action, reason: Reason) -> &'static Template {
    match (action, reason) {
        (Action::Alert, _) => &AVOID,
        (Action::Update, Reason::Fell) => &FELL,
        (Action::Update, _) => &UPDATED,
        (Action::Cancel, Reason::Passed) => &PASSED,
        (Action::Cancel, Reason::Mistake) => &MISTAKE,
        (Action::Cancel, _) => &CANCELLED,
    }
}

const EVENT: Text = Text {
    en: "Missile expected to fall at sea",
    ja: "ミサイルの海上落下予測",
    ko: "미사일 해상 낙하 예상",
};

const EVENT_FELL: Text =
    Text {
        en: "Missile fall at sea", ja: "ミサイルの海上落下", ko: "미사일 해상 낙하"
    };

/// Follows a description when the message before called people on land to shelter.
pub(super) const LIFTED_ON_LAND: Text = Text {
    en: " The warning to take shelter is lifted for {areas}.",
    ja: "{areas}の避難の呼びかけは解除します。",
    ko: " {areas}의 대피 경보는 해제합니다.",
};

const AVOID: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile may fall at sea {offing}. Ships and aircraft: keep clear.",
        ja: "{offing}の海上にミサイル落下のおそれ。船舶と航空機は近づかないでください。",
        ko: "{offing} 해상에 미사일 낙하 우려. 선박과 항공기는 접근하지 마십시오.",
    },
    description: Text {
        en: "A ballistic missile has been launched. It is expected to fall at sea {offing}, within \
             about {radius} km of {position}, at about {time}. It is not expected to reach land.",
        ja: "弾道ミサイルが発射されました。{time}頃、{offing}の海上（{position}から約{radius}km以内）に落下するおそれがあります。陸地への落下は予想されていません。",
        ko: "탄도미사일이 발사되었습니다. {time}경 {offing} 해상({position}에서 약 {radius}km 이내)에 떨어질 것으로 예상됩니다. 육지에는 떨어지지 않을 것으로 예상됩니다.",
    },
    instruction: KEEP_CLEAR,
};

const UPDATED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Update: missile may fall at sea {offing}. Ships and aircraft: keep clear.",
        ja: "更新：{offing}の海上にミサイル落下のおそれ。船舶と航空機は近づかないでください。",
        ko: "갱신: {offing} 해상에 미사일 낙하 우려. 선박과 항공기는 접근하지 마십시오.",
    },
    description: Text {
        en: "The forecast has changed. The missile is now expected to fall at sea {offing}, within \
             about {radius} km of {position}, at about {time}. It is not expected to reach land.",
        ja: "予測が変わりました。ミサイルは{time}頃、{offing}の海上（{position}から約{radius}km以内）に落下するおそれがあります。陸地への落下は予想されていません。",
        ko: "예측이 바뀌었습니다. 미사일은 {time}경 {offing} 해상({position}에서 약 {radius}km 이내)에 떨어질 것으로 예상됩니다. 육지에는 떨어지지 않을 것으로 예상됩니다.",
    },
    instruction: KEEP_CLEAR,
};

const KEEP_CLEAR: Text = Text {
    en: "Ships and aircraft: keep clear of the area around {position} until the missile has \
         fallen. Do not approach or touch anything that falls; report it to the coast guard or to \
         air traffic control.",
    ja: "船舶と航空機は、ミサイルが落下するまで{position}付近の区域に近づかないでください。落下物には近づかず、触れず、海上保安機関または航空管制機関に知らせてください。",
    ko: "선박과 항공기는 미사일이 떨어질 때까지 {position} 부근 구역에 접근하지 마십시오. 낙하물에는 가까이 가거나 손대지 말고 해양경찰 또는 항공교통관제기관에 알리십시오.",
};

const FELL: Template = Template {
    event: EVENT_FELL,
    headline: Text {
        en: "Missile believed to have fallen at sea {offing}.",
        ja: "ミサイルは{offing}の海上に落下したとみられます。",
        ko: "미사일이 {offing} 해상에 떨어진 것으로 보입니다.",
    },
    description: Text {
        en: "The missile is believed to have fallen at sea {offing}, near {position}, at about \
             {time}.",
        ja: "ミサイルは{time}頃、{offing}の海上（{position}付近）に落下したとみられます。",
        ko: "미사일이 {time}경 {offing} 해상({position} 부근)에 떨어진 것으로 보입니다.",
    },
    instruction: Text {
        en: "Ships and aircraft near {position}: do not approach or touch debris. Report it, and \
             any damage, to the coast guard or to air traffic control.",
        ja: "{position}付近の船舶と航空機は、破片らしい物に近づかず、触れないでください。発見や被害は海上保安機関または航空管制機関に知らせてください。",
        ko: "{position} 부근의 선박과 항공기는 파편으로 보이는 것에 가까이 가거나 손대지 마십시오. 발견 사항이나 피해는 해양경찰 또는 항공교통관제기관에 알리십시오.",
    },
};

const PASSED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning for the sea {offing} lifted.",
        ja: "{offing}の海上のミサイル警報を解除します。",
        ko: "{offing} 해상의 미사일 경보를 해제합니다.",
    },
    description: Text {
        en: "The missile is no longer expected to fall at sea {offing}. The warning is lifted.",
        ja: "ミサイルが{offing}の海上に落下するおそれはなくなりました。警報を解除します。",
        ko: "미사일이 {offing} 해상에 떨어질 우려가 없어졌습니다. 경보를 해제합니다.",
    },
    instruction: FREE_TO_PASS,
};

const CANCELLED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning for the sea {offing} cancelled.",
        ja: "{offing}の海上のミサイル警報を取り消します。",
        ko: "{offing} 해상의 미사일 경보를 취소합니다.",
    },
    description: Text {
        en: "The observations behind the warning for the sea {offing} no longer support it. It is \
             cancelled.",
        ja: "{offing}の海上の警報は、根拠とした観測が確認できなくなったため取り消します。",
        ko: "{offing} 해상 경보의 근거가 된 관측이 더 이상 확인되지 않아 경보를 취소합니다.",
    },
    instruction: FREE_TO_PASS,
};

const MISTAKE: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning for the sea {offing} was sent in error.",
        ja: "{offing}の海上のミサイル警報は誤りでした。",
        ko: "{offing} 해상의 미사일 경보는 잘못 발령되었습니다.",
    },
    description: Text {
        en: "The missile warning for the sea {offing} was sent in error. It is cancelled.",
        ja: "{offing}の海上に出されたミサイル警報は誤りでした。取り消します。",
        ko: "{offing} 해상에 내려진 미사일 경보는 잘못 발령된 것입니다. 경보를 취소합니다.",
    },
    instruction: FREE_TO_PASS,
};

const FREE_TO_PASS: Text = Text {
    en: "Ships and aircraft need no longer keep clear of the area around {position} because of \
         this warning.",
    ja: "この警報により{position}付近の区域を避ける必要はなくなりました。",
    ko: "이 경보로 인해 {position} 부근 구역을 피할 필요는 없습니다.",
};

/// The words for a place at sea in one language.
pub(in crate::warning) struct Place {
    offing: String,
    position: String,
    radius: String,
}

impl Place {
    pub(in crate::warning) fn of(subject: &Subject, language: Language) -> Self {
        Self {
            offing: nearest(subject)
                .map(|(code, off)| offing(code, off, language))
                .unwrap_or_default(),
            position: position(&subject.forecast, language),
            radius: radius_km(&subject.forecast),
        }
    }

    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{offing}", &self.offing)
            .replace("{position}", &self.position)
            .replace("{radius}", &self.radius)
    }

    /// What an alert calls the area.
    pub(in crate::warning) fn description(&self, language: Language) -> String {
        const SEA_AREA: Text = Text {
            en: "Sea within about {radius} km of {position}, {offing}",
            ja: "{offing}の海上（{position}から約{radius}km以内）",
            ko: "{offing} 해상({position}에서 약 {radius}km 이내)",
        };
        self.fill(SEA_AREA.in_language(language))
    }
}

/// The nearest of the subject's districts, with the way there.
pub(in crate::warning) fn nearest(subject: &Subject) -> Option<(&str, Offing)> {
    let offings = subject.districts.iter().filter_map(|share| {
        let off = districts().get(&share.code)?.offing(&subject.forecast.region)?;
        Some((share.code.as_str(), off))
    });
    offings.min_by(|(a, near), (b, far)| near.distance.0.total_cmp(&far.distance.0).then(a.cmp(b)))
}

/// Such as "about 170 km west of Hokkaido"; the distance in tens of kilometres.
fn offing(code: &str, Offing { distance, side }: Offing, language: Language) -> String {
    const OFF: Text = Text {
        en: "about {km} km {side} of {district}",
        ja: "{district}の{side}約{km}km",
        ko: "{district} {side} 약 {km}km",
    };
    let district =
        districts().get(code).map_or(code, |district| district.name.in_language(language));
    let tens = (distance.0 / 10_000.0).round().max(1.0);
    OFF.in_language(language)
        .replace("{km}", &format!("{:.0}", tens * 10.0))
        .replace("{side}", side.word().in_language(language))
        .replace("{district}", district)
}

/// The radius that holds the sea area, in whole kilometres, rounded up.
fn radius_km(forecast: &Forecast) -> String {
    let area = sea_area(&forecast.region);
    let sigma_m = area.semi_major.0.max(area.semi_minor.0);
    format!("{:.0}", (RADIUS_90 * sigma_m / 1_000.0).ceil())
}

/// The place in degrees and whole minutes, as charts have it.
fn position(forecast: &Forecast, language: Language) -> String {
    let (lat, lon) = (forecast.region.lat.0, forecast.region.lon.0);
    let (lat_deg, lat_min) = minutes(lat);
    let (lon_deg, lon_min) = minutes(lon);
    match language {
        Language::En => {
            let (ns, ew) = (if lat < 0.0 { 'S' } else { 'N' }, if lon < 0.0 { 'W' } else { 'E' });
            format!("{lat_deg}°{lat_min:02}'{ns} {lon_deg}°{lon_min:02}'{ew}")
        }
        Language::Ja => {
            let (ns, ew) =
                (if lat < 0.0 { "南緯" } else { "北緯" }, if lon < 0.0 { "西経" } else { "東経" });
            format!("{ns}{lat_deg}度{lat_min:02}分、{ew}{lon_deg}度{lon_min:02}分")
        }
        Language::Ko => {
            let (ns, ew) =
                (if lat < 0.0 { "남위" } else { "북위" }, if lon < 0.0 { "서경" } else { "동경" });
            format!("{ns} {lat_deg}도 {lat_min:02}분, {ew} {lon_deg}도 {lon_min:02}분")
        }
    }
}

/// Whole degrees and minutes of an angle's size, to the nearest minute.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,800 minutes")]
fn minutes(angle_deg: f64) -> (u32, u32) {
    let minutes = (angle_deg.abs() * 60.0).round() as u32;
    (minutes / 60, minutes % 60)
}
