# A JSON API for notes, in nushell. A note is a frame notes.added, a deletion a frame notes.removed;
# the state has the notes that there are.

def answer [status: int, body: any] {
  { response: { status: $status, headers: { content-type: "application/json" }, body: $"($body | to json --raw)\n" } }
}

# A visitor sends what they like: deeply nested JSON would cost nushell its stack, and the state has
# room for 1 MiB.
const MOST_BYTES = 1000
const MOST_NOTES = 100

def add [frame: record, state: record] {
  if ($state.notes | length) >= $MOST_NOTES {
    return (answer 409 { error: $"there are ($MOST_NOTES) notes: delete one" })
  }
  # Where it says how large it is, that is enough.
  let said = try { $frame.meta.headers.content-length | into int } catch { 0 }
  if $said > $MOST_BYTES { return (answer 413 { error: $"a note is at most ($MOST_BYTES) bytes" }) }
  let body = try { .cas $frame.hash | into string } catch { "" }
  if ($body | str length) > $MOST_BYTES {
    return (answer 413 { error: $"a note is at most ($MOST_BYTES) bytes" })
  }
  let note = try { $body | from json } catch { null }
  if not ($note | describe | str starts-with "record") or ($note.text? | describe) != "string" {
    return (answer 400 { error: 'send {"text": "…"}' })
  }
  let id = $state.last + 1
  let note = { id: $id, text: $note.text }
  .append notes.added --meta $note
  answer 201 $note | insert next { last: $id, notes: ($state.notes | append $note) }
}

def one [frame: record, state: record, id: int] {
  let found = ($state.notes | where id == $id)
  if ($found | is-empty) { return (answer 404 { error: $"there is no note ($id)" }) }
  match $frame.meta.method {
    "GET" => { answer 200 ($found | first) }
    "DELETE" => {
      .append notes.removed --meta { id: $id }
      { response: { status: 204 }, next: ($state | update notes { where id != $id }) }
    }
    _ => { answer 405 { error: "GET or DELETE" } }
  }
}

{
  topics: ["http.request"]
  initial: { last: 0, notes: [] }
  run: {|frame, state|
    let path = ($frame.meta.path | split row "/" | skip 1)
    match [$frame.meta.method ...$path] {
      ["GET" "notes"] => { answer 200 $state.notes }
      ["POST" "notes"] => { add $frame $state }
      [_ "notes" $id] if $id =~ '^[0-9]{1,9}$' => { one $frame $state ($id | into int) }
      _ => { answer 404 { error: "there are /notes and /notes/ID" } }
    }
  }
}
