//! What the public reads, in three languages.
//!
//! A message family as people in the region know it: take shelter, an update, then fell, passed or
//! cancelled. A fall at sea has its own family, for ships and aircraft ([`sea`]). Each text is built
//! from the message's own places and time; nothing else can name a place. In an exercise every headline and event begins, and every description ends, by saying so.

use base::TimeDelta;

use super::districts::{District, districts};
use super::events::{Action, Area, DistrictShare, Reason, Subject};
use super::language::{Language, Text};

pub(super) mod sea;

/// Districts a headline names before it counts the rest.
const HEADLINE_DISTRICTS_MAX: usize = 3;

/// What a message of one language says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The kind of event.
    pub event: String,
    /// One line.
    pub headline: String,
    /// What happened or is expected, where and when.
    pub description: String,
    /// What to do.
    pub instruction: String,
}

/// What a message is about, as far as the texts need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic<'a> {
    pub(super) action: Action,
    pub(super) reason: Reason,
    pub(super) subject: &'a Subject,
    /// What the message before it said.
    pub(super) before: Option<&'a Subject>,
    pub(super) utc_offset_minutes: i16,
    pub(super) is_exercise: bool,
}

impl Topic<'_> {
    /// The districts told before to take shelter that this message no longer names.
    fn dropped(&self) -> Vec<DistrictShare> {
        let before = self.before.filter(|before| before.area == Area::Land);
        let named = |code: &str| {
            self.subject.area == Area::Land
                && self.subject.districts.iter().any(|share| share.code == code)
        };
        before
            .iter()
            .flat_map(|before| &before.districts)
            .filter(|share| !named(&share.code))
            .cloned()
            .collect()
    }

    /// Whether somebody hears for the first time to take shelter.
    fn calls_anew(&self) -> bool {
        let told = |code: &str| {
            self.before.is_some_and(|before| {
                before.area == Area::Land && before.districts.iter().any(|told| told.code == code)
            })
        };
        !self.subject.districts.iter().all(|share| told(&share.code))
    }
}

/// The texts of a message in `language`.
pub(super) fn words(topic: &Topic<'_>, language: Language) -> Words {
    let template = template(topic);
    let shares = &topic.subject.districts;
    let sea = (topic.subject.area == Area::Sea).then(|| sea::Place::of(topic.subject, language));
    let fill = |text: &Text, names_max: usize| {
        let text = text.in_language(language).replace("{time}", &time(topic, language));
        match &sea {
            Some(sea) => sea.fill(&text),
            None => text
                .replace("{place}", &place(shares, names_max, language))
                .replace("{areas}", &areas(shares, names_max, language)),
        }
    };
    let all = usize::MAX;
    let mut description = fill(&template.description, all);
    let dropped = topic.dropped();
    if !dropped.is_empty() && topic.action != Action::Cancel {
        let said = if sea.is_some() { sea::LIFTED_ON_LAND } else { DROPPED };
        let dropped = areas(&dropped, all, language);
        description += &said.in_language(language).replace("{areas}", &dropped);
    }
    let mut event = template.event.in_language(language).to_owned();
    let mut headline = fill(&template.headline, HEADLINE_DISTRICTS_MAX);
    if topic.is_exercise {
        event = mark_exercise(&event, language);
        headline = mark_exercise(&headline, language);
        description = format!("{description}{}", THIS_IS_AN_EXERCISE.in_language(language));
    }
    Words { event, headline, description, instruction: fill(&template.instruction, all) }
}

/// The text with a word before it that this is an exercise.
pub(super) fn mark_exercise(text: &str, language: Language) -> String {
    format!("{}{text}", EXERCISE.in_language(language))
}

struct Template {
    event: Text,
    headline: Text,
    description: Text,
    instruction: Text,
}

fn template(topic: &Topic<'_>) -> &'static Template {
    let at_sea = topic.subject.area == Area::Sea;
    match (topic.action, topic.reason) {
        _ if at_sea => sea::template(topic.action, topic.reason),
        (Action::Alert, _) => &SHELTER,
        (Action::Update, Reason::Fell) => &FELL,
        (Action::Update, _) if topic.calls_anew() => &EXTENDED,
        (Action::Update, _) => &UPDATED,
        (Action::Cancel, Reason::Passed) => &PASSED,
        (Action::Cancel, Reason::Mistake) => &MISTAKE,
        (Action::Cancel, _) => &CANCELLED,
    }
}

const EVENT: Text =
    Text {
        en: "Ballistic missile warning", ja: "弾道ミサイル警報", ko: "탄도미사일 경보"
    };

const EXERCISE: Text = Text { en: "EXERCISE: ", ja: "【訓練】", ko: "[훈련] " };

const THIS_IS_AN_EXERCISE: Text =
    Text {
        en: " This is an exercise.", ja: "これは訓練です。", ko: " 이것은 훈련입니다."
    };

const DROPPED: Text = Text {
    en: " No longer included: {areas}.",
    ja: "対象から外れた地域：{areas}。",
    ko: " 대상에서 제외된 지역: {areas}.",
};

const SHELTER: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile may fall {place}. Take shelter now.",
        ja: "{place}にミサイル落下のおそれ。今すぐ避難してください。",
        ko: "{place}에 미사일 낙하 우려. 지금 바로 대피하십시오.",
    },
    description: Text {
        en: "A ballistic missile has been launched. It is expected to fall {place} at about {time}.",
        ja: "弾道ミサイルが発射されました。{time}頃、{place}に落下するおそれがあります。",
        ko: "탄도미사일이 발사되었습니다. {time}경 {place}에 떨어질 것으로 예상됩니다.",
    },
    instruction: TAKE_SHELTER,
};

/// An update that calls people who were not called before.
const EXTENDED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Update: missile may fall {place}. Take shelter now.",
        ja: "更新：{place}にミサイル落下のおそれ。今すぐ避難してください。",
        ko: "갱신: {place}에 미사일 낙하 우려. 지금 바로 대피하십시오.",
    },
    ..UPDATED
};

const UPDATED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Update: missile may fall {place}. Stay in shelter.",
        ja: "更新：{place}にミサイル落下のおそれ。避難を続けてください。",
        ko: "갱신: {place}에 미사일 낙하 우려. 계속 대피하십시오.",
    },
    description: Text {
        en: "The forecast has changed. The missile is now expected to fall {place} at about {time}.",
        ja: "予測が変わりました。ミサイルは{time}頃、{place}に落下するおそれがあります。",
        ko: "예측이 바뀌었습니다. 미사일은 {time}경 {place}에 떨어질 것으로 예상됩니다.",
    },
    instruction: TAKE_SHELTER,
};

const TAKE_SHELTER: Text = Text {
    en: "Go into a sturdy building or underground now. If none is near, get behind cover or lie \
         down and protect your head. Indoors, keep away from windows.",
    ja: "今すぐ丈夫な建物か地下に入ってください。近くになければ、物陰に隠れるか伏せて頭を守ってください。屋内では窓から離れてください。",
    ko: "지금 바로 튼튼한 건물이나 지하로 들어가십시오. 가까이에 없으면 엄폐물 뒤에 숨거나 엎드려 머리를 보호하십시오. 실내에서는 창문에서 떨어지십시오.",
};

const FELL: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile believed to have fallen {place}.",
        ja: "ミサイルは{place}に落下したとみられます。",
        ko: "미사일이 {place}에 떨어진 것으로 보입니다.",
    },
    description: Text {
        en: "The missile is believed to have fallen {place} at about {time}. Damage is being checked.",
        ja: "ミサイルは{time}頃、{place}に落下したとみられます。被害を確認しています。",
        ko: "미사일이 {time}경 {place}에 떨어진 것으로 보입니다. 피해를 확인하고 있습니다.",
    },
    instruction: Text {
        en: "Stay indoors until the authorities say otherwise. Do not go near or touch debris; \
             report it to the police, the fire service or the coast guard.",
        ja: "次の案内があるまで屋内にいてください。破片らしい物には近づかず、触れず、警察、消防または海上保安庁に知らせてください。",
        ko: "다음 안내가 있을 때까지 실내에 머무르십시오. 파편으로 보이는 것에는 가까이 가거나 손대지 말고 경찰, 소방 또는 해양경찰에 알리십시오.",
    },
};

const PASSED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning lifted for {areas}.",
        ja: "{areas}のミサイル警報を解除します。",
        ko: "{areas} 미사일 경보를 해제합니다.",
    },
    description: Text {
        en: "The missile is no longer expected to fall {place}. The warning is lifted.",
        ja: "ミサイルが{place}に落下するおそれはなくなりました。警報を解除します。",
        ko: "미사일이 {place}에 떨어질 우려가 없어졌습니다. 경보를 해제합니다.",
    },
    instruction: Text {
        en: "You may leave shelter. Do not go near or touch debris; report it to the police, the \
             fire service or the coast guard.",
        ja: "避難を終えて構いません。破片らしい物には近づかず、触れず、警察、消防または海上保安庁に知らせてください。",
        ko: "대피를 마치셔도 됩니다. 파편으로 보이는 것에는 가까이 가거나 손대지 말고 경찰, 소방 또는 해양경찰에 알리십시오.",
    },
};

const CANCELLED: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning cancelled for {areas}.",
        ja: "{areas}のミサイル警報を取り消します。",
        ko: "{areas} 미사일 경보를 취소합니다.",
    },
    description: Text {
        en: "The observations behind the warning for {areas} no longer support it. It is cancelled.",
        ja: "{areas}の警報は、根拠とした観測が確認できなくなったため取り消します。",
        ko: "{areas} 경보의 근거가 된 관측이 더 이상 확인되지 않아 경보를 취소합니다.",
    },
    instruction: NO_SHELTER_NEEDED,
};

const MISTAKE: Template = Template {
    event: EVENT,
    headline: Text {
        en: "Missile warning for {areas} was sent in error.",
        ja: "{areas}のミサイル警報は誤りでした。",
        ko: "{areas} 미사일 경보는 잘못 발령되었습니다.",
    },
    description: Text {
        en: "The missile warning for {areas} was sent in error. It is cancelled.",
        ja: "{areas}に出されたミサイル警報は誤りでした。取り消します。",
        ko: "{areas}에 내려진 미사일 경보는 잘못 발령된 것입니다. 경보를 취소합니다.",
    },
    instruction: NO_SHELTER_NEEDED,
};

const NO_SHELTER_NEEDED: Text = Text {
    en: "You need not shelter because of this warning.",
    ja: "この警報による避難の必要はありません。",
    ko: "이 경보로 인한 대피는 필요하지 않습니다.",
};

/// The places a text names: in or near districts the region reaches, near ones its margin reaches.
fn place(shares: &[DistrictShare], names_max: usize, language: Language) -> String {
    const IN_OR_NEAR: Text =
        Text {
            en: "in or near {areas}", ja: "{areas}またはその周辺", ko: "{areas} 또는 그 주변"
        };
    const NEAR: Text = Text { en: "near {areas}", ja: "{areas}の周辺", ko: "{areas} 주변" };
    let only_near = shares.iter().all(|share| share.nearby_only);
    let pattern = if only_near { NEAR } else { IN_OR_NEAR };
    pattern.in_language(language).replace("{areas}", &areas(shares, names_max, language))
}

/// The districts' names, most likely first; beyond `names_max` they are counted.
fn areas(shares: &[DistrictShare], names_max: usize, language: Language) -> String {
    const AND_MORE: Text =
        Text { en: " and {n} more", ja: "ほか{n}地域", ko: " 외 {n}개 지역" };
    let mut ranked: Vec<&DistrictShare> = shares.iter().collect();
    ranked.sort_by(|a, b| {
        (a.nearby_only.cmp(&b.nearby_only))
            .then(b.probability.total_cmp(&a.probability))
            .then(a.code.cmp(&b.code))
    });
    let name = |share: &&DistrictShare| {
        districts().get(&share.code).map(|district| district.name.in_language(language))
    };
    let names: Vec<&str> = ranked.iter().take(names_max).filter_map(name).collect();
    let listed = names.join(match language {
        Language::En | Language::Ko => ", ",
        Language::Ja => "、",
    });
    let rest = shares.len() - names.len();
    if rest == 0 {
        listed
    } else {
        listed + &AND_MORE.in_language(language).replace("{n}", &rest.to_string())
    }
}

/// The impact's hour and minute on the district's clock, with the clock's offset.
fn time(topic: &Topic<'_>, language: Language) -> String {
    const NANOS_PER_MINUTE: i64 = 60_000_000_000;
    const MINUTES_PER_DAY: i64 = 24 * 60;
    let offset = i64::from(topic.utc_offset_minutes);
    let local = topic.subject.forecast.impact + TimeDelta::from_nanos(offset * NANOS_PER_MINUTE);
    let minute = local.as_nanos().div_euclid(NANOS_PER_MINUTE).rem_euclid(MINUTES_PER_DAY);
    let (hour, minute) = (minute / 60, minute % 60);
    let sign = if offset < 0 { '-' } else { '+' };
    let zone = match (offset.abs() / 60, offset.abs() % 60) {
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    };
    match language {
        Language::En => format!("{hour:02}:{minute:02} ({zone})"),
        Language::Ja => format!("{hour}時{minute:02}分({zone})"),
        Language::Ko => format!("{hour}시 {minute:02}분({zone})"),
    }
}

/// The clock people in `district` read, minutes east of UTC: standard time of its seat of government.
pub(super) fn utc_offset_minutes(district: &District) -> i16 {
    match district.partner.as_str() {
        "JPN" | "KOR" => 540,
        _ => match &district.code[3..] {
            "GU" | "MP" => 600,
            "PR" | "VI" => -240,
            "AL" | "AR" | "IA" | "IL" | "KS" | "LA" | "MN" | "MO" | "MS" | "ND" | "NE" | "OK"
            | "SD" | "TN" | "TX" | "WI" => -360,
            "AZ" | "CO" | "ID" | "MT" | "NM" | "UT" | "WY" => -420,
            "CA" | "NV" | "OR" | "WA" => -480,
            "AK" => -540,
            "HI" => -600,
            "AS" => -660,
            _ => -300,
        },
    }
}

#[cfg(test)]
mod tests;
