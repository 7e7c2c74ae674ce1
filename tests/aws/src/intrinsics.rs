//! CloudFormation's intrinsic functions, worked out for one stack: what `Ref`, `Fn::GetAtt`,
//! `Fn::Sub` and the rest become. What it does not know is an error, never a guess.
//!
//! AWS CloudFormation Template Reference Guide, "Intrinsic function reference", and the "Return
//! values" of each resource type.

use crate::{
    deployment::Deployment,
    emulator::{ACCOUNT, REGION},
};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One stack in one account: what a template needs to become plain values.
#[derive(Debug, Clone)]
pub struct Place {
    /// Such as `aws`.
    pub partition: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// The stack's name.
    pub stack: String,
    /// Parameters that differ from their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Physical ids by logical id, as CloudFormation reports them; a resource that is not in it
    /// gets a made-up one.
    pub physical: BTreeMap<String, String>,
}

impl Place {
    /// A stack of this name in a made-up account, with every parameter at its default.
    pub fn made_up(stack: &str) -> Self {
        Self {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            stack: stack.to_owned(),
            parameters: BTreeMap::new(),
            physical: BTreeMap::new(),
        }
    }

    /// Where this stack stands on the emulator, its parameters at their defaults.
    pub fn of(stack: &Deployment) -> Self {
        Self {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            physical: stack.physical.clone(),
            ..Self::made_up(&stack.name)
        }
    }

    /// The same with a parameter set.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: &str) -> Self {
        self.parameters
            .insert(parameter.to_owned(), value.to_owned());
        self
    }
}

/// A template and where it is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    /// The translated template.
    pub template: &'a Value,
    /// Where it is deployed.
    pub place: &'a Place,
}

impl Stack<'_> {
    /// The value with its intrinsic functions worked out; `None` for `AWS::NoValue`.
    ///
    /// # Errors
    /// When it holds a function, a reference or an attribute that is not known here.
    pub fn resolve(&self, value: &Value) -> Result<Option<Value>> {
        Ok(match value {
            Value::Object(object) if is_intrinsic(object) => self.intrinsic(object)?,
            Value::Object(object) => {
                let mut resolved = Map::new();
                for (key, value) in object {
                    if let Some(value) = self.resolve(value)? {
                        resolved.insert(key.clone(), value);
                    }
                }
                Some(Value::Object(resolved))
            }
            Value::Array(values) => {
                let resolved = values.iter().map(|value| self.resolve(value));
                let resolved: Result<Vec<_>> = resolved.collect();
                Some(Value::Array(resolved?.into_iter().flatten().collect()))
            }
            plain => Some(plain.clone()),
        })
    }

    /// The same where a text must come out.
    ///
    /// # Errors
    /// When none does.
    pub fn text(&self, value: &Value) -> Result<String> {
        match self.resolve(value)? {
            Some(Value::String(text)) => Ok(text),
            other => bail!("{value} is no text but {other:?}"),
        }
    }

    /// Whether a resource is made: it has no condition, or one that holds.
    ///
    /// # Errors
    /// When the condition is not known.
    pub fn is_made(&self, resource: &Value) -> Result<bool> {
        match resource["Condition"].as_str() {
            Some(condition) => self.condition(condition),
            None => Ok(true),
        }
    }

    /// The ARN of a resource.
    ///
    /// # Errors
    /// When the resource is not in the template, or its type is not known here.
    pub fn arn(&self, logical: &str) -> Result<String> {
        let Place {
            partition,
            region,
            account,
            ..
        } = self.place;
        let kind = self.kind(logical)?;
        let id = self.physical(logical)?;
        let regional = |service: &str, rest: String| {
            format!("arn:{partition}:{service}:{region}:{account}:{rest}")
        };
        Ok(match kind {
            "AWS::DynamoDB::Table" => regional("dynamodb", format!("table/{id}")),
            "AWS::IAM::Role" => format!("arn:{partition}:iam::{account}:role/{id}"),
            "AWS::Lambda::Function" => regional("lambda", format!("function:{id}")),
            // The attribute ends in a star, for the group's streams.
            "AWS::Logs::LogGroup" => regional("logs", format!("log-group:{id}:*")),
            "AWS::Scheduler::ScheduleGroup" => {
                regional("scheduler", format!("schedule-group/{id}"))
            }
            // AWS reports an ARN; the emulator a name, to which it is an ARN with any six characters.
            "AWS::SecretsManager::Secret" if !id.starts_with("arn:") => {
                regional("secretsmanager", format!("secret:{id}-??????"))
            }
            "AWS::SecretsManager::Secret" | "AWS::SNS::Topic" => id,
            "AWS::SQS::Queue" => regional("sqs", last_part(&id).to_owned()),
            other => bail!("the ARN of {logical}, {other}, is not known here"),
        })
    }

    /// The physical id, which is what `Ref` gives.
    fn physical(&self, logical: &str) -> Result<String> {
        if let Some(id) = self.place.physical.get(logical) {
            return Ok(id.clone());
        }
        let Place {
            partition,
            region,
            account,
            stack,
            ..
        } = self.place;
        let properties = &self.template["Resources"][logical]["Properties"];
        let named = match self.kind(logical)? {
            "AWS::Logs::LogGroup" => Some("LogGroupName"),
            _ => None,
        };
        let name = match named {
            Some(property) => self.text(&properties[property])?,
            None => format!("{stack}-{logical}-1A2B3C4D5E6F"),
        };
        Ok(match self.kind(logical)? {
            "AWS::SecretsManager::Secret" => {
                format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-Zx9wVu")
            }
            "AWS::SNS::Topic" => format!("arn:{partition}:sns:{region}:{account}:{name}"),
            "AWS::SQS::Queue" => {
                let fifo = properties["FifoQueue"] == true;
                let end = if fifo { ".fifo" } else { "" };
                format!("https://sqs.{region}.amazonaws.com/{account}/{name}{end}")
            }
            "AWS::DynamoDB::Table"
            | "AWS::IAM::Role"
            | "AWS::Lambda::Function"
            | "AWS::Logs::LogGroup"
            | "AWS::Scheduler::ScheduleGroup" => name,
            other => bail!("what Ref gives of {logical}, {other}, is not known here"),
        })
    }

    fn kind(&self, logical: &str) -> Result<&str> {
        let resource = &self.template["Resources"][logical];
        resource["Type"]
            .as_str()
            .with_context(|| format!("{logical} is no resource of the template"))
    }

    fn condition(&self, name: &str) -> Result<bool> {
        let condition = &self.template["Conditions"][name];
        if condition.is_null() {
            bail!("{name} is no condition of the template");
        }
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> Result<bool> {
        let (name, argument) = single(condition)?;
        let list = || argument.as_array().context("no list of conditions");
        match name {
            "Condition" => self.condition(argument.as_str().context("no name of a condition")?),
            "Fn::Equals" => match list()?.as_slice() {
                [left, right] => Ok(self.resolve(left)? == self.resolve(right)?),
                _ => bail!("Fn::Equals takes two values"),
            },
            "Fn::Not" => match list()?.as_slice() {
                [condition] => Ok(!self.holds(condition)?),
                _ => bail!("Fn::Not takes one condition"),
            },
            "Fn::And" => list()?
                .iter()
                .try_fold(true, |all, one| Ok(all && self.holds(one)?)),
            "Fn::Or" => list()?
                .iter()
                .try_fold(false, |any, one| Ok(any || self.holds(one)?)),
            other => bail!("{other} is no condition that is known here"),
        }
    }

    fn intrinsic(&self, object: &Map<String, Value>) -> Result<Option<Value>> {
        let (name, argument) = single_of(object)?;
        if name == "Fn::If" {
            let Some([condition, then, otherwise]) = argument.as_array().map(Vec::as_slice) else {
                bail!("Fn::If takes a condition and two values");
            };
            let condition = condition.as_str().context("Fn::If names no condition")?;
            let branch = if self.condition(condition)? {
                then
            } else {
                otherwise
            };
            return self.resolve(branch);
        }
        if name == "Ref" && argument == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(list) = self.list_parameter(name, argument)? {
            return Ok(Some(list));
        }
        if name == "Fn::Join" {
            return self.join(argument).map(|text| Some(Value::String(text)));
        }
        let text = match name {
            "Ref" => self.reference(argument.as_str().context("Ref takes a name")?)?,
            "Fn::GetAtt" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(logical), Value::String(attribute)]) => {
                    self.attribute(logical, attribute)?
                }
                _ => bail!("Fn::GetAtt takes a resource and an attribute, not {argument}"),
            },
            "Fn::Sub" => match argument {
                Value::String(text) => self.substitute(text, &Map::new())?,
                _ => match argument.as_array().map(Vec::as_slice) {
                    Some([Value::String(text), Value::Object(own)]) => {
                        self.substitute(text, own)?
                    }
                    _ => bail!("Fn::Sub takes a text, not {argument}"),
                },
            },
            other => bail!("{other} is not known here"),
        };
        Ok(Some(Value::String(text)))
    }

    /// The texts of a parameter that is a list, where `Ref` names one.
    fn list_parameter(&self, function: &str, argument: &Value) -> Result<Option<Value>> {
        let parameter = argument.as_str().unwrap_or_default();
        let is_list = self.template["Parameters"][parameter]["Type"] == "CommaDelimitedList";
        if function != "Ref" || !is_list {
            return Ok(None);
        }
        let text = self.reference(parameter)?;
        let texts = text.split(',').map(|text| Value::String(text.to_owned()));
        Ok(Some(Value::Array(texts.collect())))
    }

    fn join(&self, argument: &Value) -> Result<String> {
        let Some([Value::String(between), texts]) = argument.as_array().map(Vec::as_slice) else {
            bail!("Fn::Join takes a delimiter and a list");
        };
        let texts = self.resolve(texts)?;
        let texts = texts.as_ref().and_then(Value::as_array);
        let texts = texts.context("Fn::Join takes a list")?.iter();
        let texts: Option<Vec<&str>> = texts.map(Value::as_str).collect();
        Ok(texts
            .context("Fn::Join takes a list of texts")?
            .join(between))
    }

    fn reference(&self, name: &str) -> Result<String> {
        let place = self.place;
        let parameter = &self.template["Parameters"][name];
        Ok(match name {
            "AWS::AccountId" => place.account.clone(),
            "AWS::Partition" => place.partition.clone(),
            "AWS::Region" => place.region.clone(),
            "AWS::StackName" => place.stack.clone(),
            _ if !parameter.is_null() => match place.parameters.get(name) {
                Some(given) => given.clone(),
                None => match &parameter["Default"] {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    other => bail!("the parameter {name} has no default but {other}"),
                },
            },
            _ => self.physical(name)?,
        })
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Result<String> {
        match (self.kind(logical)?, attribute) {
            (_, "Arn") | ("AWS::SecretsManager::Secret", "Id") => self.arn(logical),
            (_, other) => bail!("the attribute {other} of {logical} is not known here"),
        }
    }

    /// `${Name}`, `${Resource.Attribute}` and `${Own}` filled in; `${!Literal}` becomes `${Literal}`.
    fn substitute(&self, text: &str, own: &Map<String, Value>) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("{text} has a ${{ without its end"))?;
            filled.push_str(before);
            match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => filled.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => filled.push_str(&self.text(value)?),
                (None, None) => match name.split_once('.') {
                    Some((logical, attribute)) => {
                        filled.push_str(&self.attribute(logical, attribute)?);
                    }
                    None => filled.push_str(&self.reference(name)?),
                },
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn is_intrinsic(object: &Map<String, Value>) -> bool {
    object.len() == 1
        && object
            .keys()
            .all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn single(value: &Value) -> Result<(&str, &Value)> {
    single_of(value.as_object().context("no function")?)
}

fn single_of(object: &Map<String, Value>) -> Result<(&str, &Value)> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None) => Ok((name, argument)),
        _ => bail!("{object:?} is no single function"),
    }
}

fn last_part(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> Value {
        json!({
            "Parameters": {
                "Key": {"Type": "String", "Default": ""},
                "Days": {"Type": "Number", "Default": 90},
            },
            "Conditions": {
                "HasKey": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Key"}, ""]}]},
                "HasNoKey": {"Fn::Not": [{"Condition": "HasKey"}]},
                "Never": {"Fn::And": [{"Condition": "HasKey"}, {"Condition": "HasNoKey"}]},
                "Always": {"Fn::Or": [{"Condition": "HasKey"}, {"Condition": "HasNoKey"}]},
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table"},
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": true}},
                "Topic": {"Type": "AWS::SNS::Topic"},
                "Bucket": {"Type": "AWS::S3::Bucket"},
            },
        })
    }

    #[test]
    fn functions_become_what_the_deployment_makes_of_them() -> Result<()> {
        let template = template();
        let place = Place::made_up("one").with("Key", "arn:key");
        let stack = Stack {
            template: &template,
            place: &place,
        };
        let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/one-Table-1A2B3C4D5E6F";
        let queue = "arn:aws:sqs:eu-central-1:111122223333:one-Queue-1A2B3C4D5E6F.fifo";
        for (value, resolved) in [
            (json!({"Ref": "Days"}), json!("90")),
            (json!({"Ref": "AWS::StackName"}), json!("one")),
            (json!({"Fn::GetAtt": ["Table", "Arn"]}), json!(table)),
            (json!({"Fn::GetAtt": ["Queue", "Arn"]}), json!(queue)),
            (
                json!({"Fn::Sub": "${Table.Arn}/${AWS::Region}/${!aws:PrincipalTag/t}"}),
                json!(format!("{table}/eu-central-1/${{aws:PrincipalTag/t}}")),
            ),
            (
                json!({"Fn::Sub": ["${Own}-${Days}", {"Own": {"Ref": "Key"}}]}),
                json!("arn:key-90"),
            ),
            (
                json!({"Fn::If": ["HasKey", {"Ref": "Key"}, "none"]}),
                json!("arn:key"),
            ),
            (
                json!([1, {"Fn::If": ["HasNoKey", 2, {"Ref": "AWS::NoValue"}]}]),
                json!([1]),
            ),
            (json!({"Fn::If": ["Never", 1, 2]}), json!(2)),
            (json!({"Fn::If": ["Always", 1, 2]}), json!(1)),
        ] {
            assert_eq!(stack.resolve(&value)?, Some(resolved), "{value}");
        }
        assert_eq!(stack.resolve(&json!({"Ref": "AWS::NoValue"}))?, None);
        Ok(())
    }

    #[test]
    fn a_deployed_stack_has_the_names_that_it_reports() -> Result<()> {
        let template = template();
        let mut place = Place::made_up("one");
        let url = "http://localhost:4577/000000000000/sync.fifo".to_owned();
        place.physical.insert("Queue".to_owned(), url);
        let stack = Stack {
            template: &template,
            place: &place,
        };
        let arn = stack.arn("Queue")?;
        assert_eq!(arn, "arn:aws:sqs:eu-central-1:111122223333:sync.fifo");
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        let template = template();
        let place = Place::made_up("one");
        let stack = Stack {
            template: &template,
            place: &place,
        };
        for value in [
            json!({"Ref": "Nothing"}),
            json!({"Ref": "Bucket"}),
            json!({"Fn::GetAtt": ["Table", "StreamArn"]}),
            json!({"Fn::GetAtt": "Table.Arn"}),
            json!({"Fn::Sub": "${Table"}),
            json!({"Fn::Sub": "${Nothing}"}),
            json!({"Fn::ImportValue": "x"}),
            json!({"Fn::If": ["Nothing", 1, 2]}),
        ] {
            assert!(stack.resolve(&value).is_err(), "{value}");
        }
    }
}
