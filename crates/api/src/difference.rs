//! What changed in an object's analysis between two instants.

use std::sync::Arc;

use ::analysis::{
    difference,
    engine::Existence,
    error::Error,
    exact::{Question, Reuse},
};
use serde_json::{Map, Value, json};
use store::value::write_text;

use crate::{analysis, answer::Answer, call::Call, collection, problem::Problem, query::bad, site::Site};

/// `GET /objects/{id}/analysis/diff`
pub(crate) async fn of_analysis(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let given = call.next_path();
    let plan = analysis::plan(site, &mut call)?;
    let missing = || bad("from", "is missing: the earlier instant".to_owned());
    let from = call.query.instant("from")?.ok_or_else(missing)?;
    let to = call.query.instant("to")?;
    let deadline = call.deadline;
    call.query.finish(call.name.parameters())?;
    if !plan.columns.is_empty() {
        let problem = "names columns of the record: its revisions have a comparison of their own";
        return Err(bad("fields", problem.to_owned()).into());
    }
    let objects = site.model.objects();
    let id: Arc<str> = collection::key(&given, objects)?.into();
    let (engine, id, plan) = (&site.engine, &id, &plan);
    // None: it did not exist then.
    let document = async |as_of| {
        let question = Question {
            plan,
            as_of,
            existence: Existence::Asked,
            reuse: Reuse::Exact,
        };
        let answered = async { engine.answer(engine.look(id, &question, deadline).await?).await };
        match answered.await {
            Ok(answered) => Ok(Some(answered.document)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Problem::of_analysis(&error, &objects.name)),
        }
    };
    let (before, after) = tokio::try_join!(document(Some(from)), document(to))?;
    if before.is_none() && after.is_none() {
        let error = Error::NotFound { id: Arc::clone(id) };
        return Err(Problem::of_analysis(&error, &objects.name));
    }
    let parsed = |document: &::analysis::document::Document| -> Option<Value> {
        serde_json::from_slice(document.body()).ok()
    };
    let (before, after) = (before.as_ref().and_then(parsed), after.as_ref().and_then(parsed));
    let changes = difference::changes(before.as_ref(), after.as_ref());
    let mut body = b"{\"id\":".to_vec();
    if objects.key_type().is_integer() {
        body.extend_from_slice(id.as_bytes());
    } else {
        write_text(id, &mut body);
    }
    let changes: Vec<Value> = changes.into_iter().map(shown).collect();
    body.extend_from_slice(b",\"changes\":");
    body.extend_from_slice(Value::Array(changes).to_string().as_bytes());
    body.push(b'}');
    Ok(Answer::json(body))
}

/// Without `from` it is new, without `to` it is gone; null is a value.
fn shown(change: difference::Change) -> Value {
    let mut members = Map::new();
    members.insert("path".to_owned(), json!(change.path));
    members.extend(change.from.map(|value| ("from".to_owned(), value)));
    members.extend(change.to.map(|value| ("to".to_owned(), value)));
    Value::Object(members)
}
