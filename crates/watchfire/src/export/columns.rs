//! The columns of one kind: what every entry has, then the content by the kind's schema.
//!
//! | column | type | what |
//! | --- | --- | --- |
//! | `entry`, `log`, `incarnation` | STRING | the entry's id, and its log's |
//! | `partner`, `node`, `lane` | STRING | who said it, and how urgently |
//! | `index` | INT(64, unsigned) | its place in the log |
//! | `logged`, `at` | TIMESTAMP(NANOS, UTC) | when it was logged, and when it counts |
//! | `realm`, `audience`, `kind` | STRING | where it is so, who may read it, what it is |
//! | `charter_edition`, `edition` | INT(32 or 16, unsigned) | of the charter, and of the kind |
//! | `leaf_hash` | FIXED(32) | what stands in the tree |
//! | `refused` | STRING or null | why no fold uses it |
//! | `content_NAME` | by the schema, or null | a field of the content; JSON where it nests |
//! | `content_raw` | BYTES | instead, of kinds that no domain here reads |

use std::sync::Arc;

use base::Timestamp;
use domains::KindInfo;
use log::{Fact, Realm};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};

/// References and alternatives followed in a schema; deeper ones are JSON.
const SCHEMA_DEPTH_MAX: usize = 16;
/// Bytes a row counts beside its texts.
const ROW_BYTES: usize = 128;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Json,
    Bytes,
    Hash,
    Time,
    Bool,
    Float,
    /// Of so many bits.
    Unsigned(i8),
    /// Of so many bits.
    Signed(i8),
}

/// The values of a column that are not null.
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Hash(Vec<FixedLenByteArray>),
}

/// One value.
enum Cell {
    Null,
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Float(f64),
    Bytes(Vec<u8>),
}

struct Column {
    name: String,
    shape: Shape,
    required: bool,
    values: Values,
    /// 1 where there is a value, 0 where there is null.
    levels: Vec<i16>,
}

/// Rows of one kind that wait for a row group.
pub(super) struct Columns {
    cells: Vec<Column>,
    kind: Option<KindInfo>,
    realm: String,
    rows: usize,
    bytes: usize,
}

impl Columns {
    /// Of the kind's present edition; of a kind no domain reads if there is none.
    pub(super) fn new(kind: Option<KindInfo>, realm: &Realm) -> Self {
        let always = [
            ("entry", Shape::Text),
            ("log", Shape::Text),
            ("incarnation", Shape::Text),
            ("partner", Shape::Text),
            ("node", Shape::Text),
            ("lane", Shape::Text),
            ("index", Shape::Unsigned(64)),
            ("logged", Shape::Time),
            ("at", Shape::Time),
            ("realm", Shape::Text),
            ("audience", Shape::Text),
            ("kind", Shape::Text),
            ("charter_edition", Shape::Unsigned(32)),
            ("edition", Shape::Unsigned(16)),
            ("leaf_hash", Shape::Hash),
        ];
        let mut columns: Vec<Column> = always
            .into_iter()
            .map(|(name, shape)| Column::new(name.to_owned(), shape, true))
            .collect();
        columns.push(Column::new("refused".to_owned(), Shape::Text, false));
        match &kind {
            Some(kind) => columns.extend(
                fields(kind)
                    .into_iter()
                    .map(|(name, shape)| Column::new(format!("content_{name}"), shape, false)),
            ),
            None => columns.push(Column::new("content_raw".to_owned(), Shape::Bytes, true)),
        }
        Self { cells: columns, kind, realm: realm.to_string(), rows: 0, bytes: 0 }
    }

    /// The schema of the file.
    pub(super) fn schema(&self) -> Result<TypePtr, ParquetError> {
        let fields: Result<Vec<TypePtr>, ParquetError> =
            self.cells.iter().map(|column| column.field().map(Arc::new)).collect();
        Type::group_type_builder("entry").with_fields(fields?).build().map(Arc::new)
    }

    /// Rows that wait.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes they take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds one row: `at` and `refused` as the folds have them.
    pub(super) fn push(&mut self, fact: &Fact, at: Timestamp, mut refused: Option<String>) {
        let content = match &self.kind {
            Some(kind) if kind.edition == fact.edition => {
                let read = (kind.to_json)(&fact.content);
                read.map_err(|error| refused.get_or_insert_with(|| error.to_string()).len()).ok()
            }
            _ => None,
        };
        let header = header(fact, at, &self.realm);
        let mut columns = self.cells.iter_mut();
        // The header first: a zip asks its second part only where the first has something.
        for (cell, column) in header.into_iter().zip(columns.by_ref()) {
            self.bytes += column.push(cell);
        }
        let told = columns.next().expect("the column of refusals follows the header");
        self.bytes += told.push(refused.map_or(Cell::Null, text));
        for column in columns {
            let cell = match &content {
                Some(Value::Object(fields)) => column.cell(fields),
                _ if column.shape == Shape::Bytes => Cell::Bytes(fact.content.clone()),
                _ => Cell::Null,
            };
            self.bytes += column.push(cell);
        }
        self.rows += 1;
        self.bytes += ROW_BYTES;
    }

    /// Writes what waits as one row group.
    pub(super) fn write<W: std::io::Write + Send>(
        &mut self,
        mut group: SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        for column in &mut self.cells {
            let mut writer = group.next_column()?.expect("the schema is made of these columns");
            let levels = (!column.required).then_some(&column.levels[..]);
            match &column.values {
                Values::Bool(v) => writer.typed::<BoolType>().write_batch(v, levels, None)?,
                Values::Int32(v) => writer.typed::<Int32Type>().write_batch(v, levels, None)?,
                Values::Int64(v) => writer.typed::<Int64Type>().write_batch(v, levels, None)?,
                Values::Float(v) => writer.typed::<DoubleType>().write_batch(v, levels, None)?,
                Values::Bytes(v) => writer.typed::<ByteArrayType>().write_batch(v, levels, None)?,
                Values::Hash(v) => {
                    writer.typed::<FixedLenByteArrayType>().write_batch(v, levels, None)?
                }
            };
            writer.close()?;
            column.values = Values::new(column.shape);
            column.levels.clear();
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

/// The cells every entry has, in the order of the columns.
fn header(fact: &Fact, at: Timestamp, realm: &str) -> [Cell; 15] {
    let log = fact.id.log;
    [
        text(fact.id.to_string()),
        text(log.to_string()),
        text(log.incarnation.to_string()),
        text(fact.origin.partner().to_string()),
        text(fact.origin.to_string()),
        text(fact.precedence.as_str().to_owned()),
        Cell::Int64(fact.id.index.cast_signed()),
        Cell::Int64(fact.logged.as_nanos()),
        Cell::Int64(at.as_nanos()),
        text(realm.to_owned()),
        text(fact.audience.to_string()),
        text(fact.kind.to_string()),
        Cell::Int32(fact.charter_edition.cast_signed()),
        Cell::Int32(i32::from(fact.edition)),
        Cell::Bytes(fact.leaf_hash.to_vec()),
    ]
}

fn text(text: String) -> Cell {
    Cell::Bytes(text.into_bytes())
}

impl Values {
    const fn new(shape: Shape) -> Self {
        match shape {
            Shape::Text | Shape::Json | Shape::Bytes => Self::Bytes(Vec::new()),
            Shape::Hash => Self::Hash(Vec::new()),
            Shape::Bool => Self::Bool(Vec::new()),
            Shape::Float => Self::Float(Vec::new()),
            Shape::Time | Shape::Unsigned(64) | Shape::Signed(64) => Self::Int64(Vec::new()),
            Shape::Unsigned(_) | Shape::Signed(_) => Self::Int32(Vec::new()),
        }
    }
}

impl Column {
    const fn new(name: String, shape: Shape, required: bool) -> Self {
        Self { name, shape, required, values: Values::new(shape), levels: Vec::new() }
    }

    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.shape {
            Shape::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Shape::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Shape::Bytes => (Physical::BYTE_ARRAY, None),
            Shape::Hash => (Physical::FIXED_LEN_BYTE_ARRAY, None),
            Shape::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            Shape::Bool => (Physical::BOOLEAN, None),
            Shape::Float => (Physical::DOUBLE, None),
            Shape::Unsigned(bits) => (int(bits), Some(LogicalType::integer(bits, false))),
            Shape::Signed(bits) => (int(bits), Some(LogicalType::integer(bits, true))),
        };
        let length = if self.shape == Shape::Hash { 32 } else { -1 };
        let repetition = if self.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .with_length(length)
            .build()
    }

    /// The column's value in a content.
    fn cell(&self, fields: &Map<String, Value>) -> Cell {
        let name = self.name.strip_prefix("content_").unwrap_or(&self.name);
        let value = match fields.get(name) {
            None | Some(Value::Null) => return Cell::Null,
            Some(value) => value,
        };
        self.shape.cell(value).unwrap_or_else(|| {
            // Schema and JSON are made from one type.
            panic!("expected `{name}` as its schema says ({:?}), got {value}", self.shape)
        })
    }

    /// Adds a value; about how many bytes it takes.
    fn push(&mut self, cell: Cell) -> usize {
        let is_there = !matches!(cell, Cell::Null);
        assert!(is_there || !self.required, "`{}` has a value in every row", self.name);
        if !self.required {
            self.levels.push(i16::from(is_there));
        }
        match (&mut self.values, cell) {
            (_, Cell::Null) => return 0,
            (Values::Bool(values), Cell::Bool(value)) => values.push(value),
            (Values::Float(values), Cell::Float(value)) => values.push(value),
            (Values::Int32(values), Cell::Int32(value)) => values.push(value),
            (Values::Int64(values), Cell::Int64(value)) => values.push(value),
            (Values::Hash(values), Cell::Bytes(value)) => values.push(value.into()),
            (Values::Bytes(values), Cell::Bytes(value)) => {
                let bytes = value.len();
                values.push(value.into());
                return bytes;
            }
            _ => panic!("the cells of `{}` are made for its shape", self.name),
        }
        8
    }
}

const fn int(bits: i8) -> Physical {
    if bits == 64 { Physical::INT64 } else { Physical::INT32 }
}

impl Shape {
    /// A value of JSON as this shape; nothing if it is of another.
    fn cell(self, value: &Value) -> Option<Cell> {
        Some(match self {
            Self::Text => text(value.as_str()?.to_owned()),
            Self::Json => text(value.to_string()),
            Self::Time => Cell::Int64(value.as_str()?.parse::<Timestamp>().ok()?.as_nanos()),
            Self::Bool => Cell::Bool(value.as_bool()?),
            Self::Float => Cell::Float(value.as_f64()?),
            Self::Unsigned(64) => Cell::Int64(value.as_u64()?.cast_signed()),
            Self::Signed(64) => Cell::Int64(value.as_i64()?),
            Self::Unsigned(_) => Cell::Int32(u32::try_from(value.as_u64()?).ok()?.cast_signed()),
            Self::Signed(_) => Cell::Int32(i32::try_from(value.as_i64()?).ok()?),
            Self::Bytes | Self::Hash => return None,
        })
    }
}

/// The fields of a kind's content, in the order of their names.
fn fields(kind: &KindInfo) -> Vec<(String, Shape)> {
    let mut generator = schemars::SchemaGenerator::default();
    let schema = (kind.schema)(&mut generator).to_value();
    let known = generator.take_definitions(true);
    let schema = target(&schema, &known).unwrap_or(&schema);
    let Some(Value::Object(properties)) = schema.get("properties") else { return Vec::new() };
    let mut fields: Vec<(String, Shape)> = properties
        .iter()
        .map(|(name, schema)| (name.clone(), shape(schema, &known, 0).unwrap_or(Shape::Json)))
        .collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// What a schema refers to, if it does.
fn target<'a>(schema: &Value, known: &'a Map<String, Value>) -> Option<&'a Value> {
    known.get(schema.get("$ref")?.as_str()?.rsplit('/').next()?)
}

/// The shape of a plain value, null aside; nothing of what nests.
fn shape(schema: &Value, known: &Map<String, Value>, depth: usize) -> Option<Shape> {
    if depth == SCHEMA_DEPTH_MAX {
        return None;
    }
    if let Some(target) = target(schema, known) {
        return shape(target, known, depth + 1);
    }
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    if let Some(choices) = choices {
        let mut shapes = choices
            .iter()
            .filter(|choice| choice.get("type").is_none_or(|word| word != "null"))
            .map(|choice| shape(choice, known, depth + 1));
        let first = shapes.next()??;
        return shapes.all(|shape| shape == Some(first)).then_some(first);
    }
    let word = match schema.get("type")? {
        Value::String(word) => word.as_str(),
        Value::Array(words) => {
            let mut words = words.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            words.next().filter(|_| words.next().is_none())?
        }
        _ => return None,
    };
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    match (word, format) {
        ("string", "date-time") => Some(Shape::Time),
        ("string", _) => Some(Shape::Text),
        ("boolean", _) => Some(Shape::Bool),
        ("number", _) => Some(Shape::Float),
        ("integer", "uint8") => Some(Shape::Unsigned(8)),
        ("integer", "uint16") => Some(Shape::Unsigned(16)),
        ("integer", "uint32") => Some(Shape::Unsigned(32)),
        ("integer", "uint64" | "uint") => Some(Shape::Unsigned(64)),
        ("integer", "int8") => Some(Shape::Signed(8)),
        ("integer", "int16") => Some(Shape::Signed(16)),
        ("integer", "int32") => Some(Shape::Signed(32)),
        ("integer", _) => Some(Shape::Signed(64)),
        _ => None,
    }
}
