# The writing commands of a handler print lines of the protocol. The server commits them together with all
# other effects of the frame.

def emit [effect: record] {
  let line = ($effect | insert frame_id $env.XS_FRAME_ID)
  # As json-of does, without the cost of a call.
  let text = try { $line | to json --raw } catch { "null" }
  let text = if $text has "null" { $line | json-of "" } else { $text }
  if ($text | str length) > 256 { check-line $text }
  print --raw $text
}

def encoded [value: any] {
  match ($value | describe) {
    "nothing" => { {} }
    "string" => { content: $value }
    "binary" => { base64: ($value | encode base64) }
    _ => { content: ($value | json-of "the content") }
  }
}

# Remove a frame: a record, or its id
export def ".remove" [
  frame: oneof<string, record>
]: nothing -> nothing {
  emit { remove: (if ($frame | describe) == "string" { $frame } else { $frame.id }) }
}

# Remove a frame: a record, or its id
export alias .rm = .remove

def time-text [at: any] {
  if ($at | describe) == "datetime" { $at | format date "%+" } else { $at }
}

# Append a frame; the input is its content
export def ".append" [
  topic: string
  --meta: record # its metadata
  --ttl: string # forever, ephemeral, time:<ms, or 90s, 15m, 12h, 7d, 4w>, until:<date or ms> or last:<n>
  --at: oneof<string, datetime> # a time to come, when it is appended, or one that has passed
]: any -> nothing {
  let content = $in
  let more = if $meta == null { {} } else { { meta: $meta } }
  let more = if $ttl == null { $more } else { $more | insert ttl $ttl }
  let more = if $at == null { $more } else { $more | insert at (time-text $at) }
  emit { append: ({ topic: $topic } | merge $more | merge (encoded $content)) }
}

# Answer an http.request
export def ".respond" [
  request: any # the frame, or its id
  --status: int
  --headers: record
  --more # another part of the response follows
]: any -> nothing {
  let body = $in
  let id = if ($request | describe) == "string" { $request } else { $request.id }
  let meta = { request_id: $id }
  let meta = if $status == null { $meta } else { $meta | insert status $status }
  let is_json = ($body | describe) not-in ["nothing" "string" "binary"]
  let headers = if $is_json and not ($headers | default {} | columns | any { $in =~ '(?i)^content-type$' }) {
    $headers | default {} | insert content-type "application/json"
  } else {
    $headers
  }
  let meta = if $headers == null { $meta } else { $meta | insert headers $headers }
  let meta = if $more { $meta | insert more true } else { $meta }
  emit { append: ({ topic: "http.response", meta: $meta } | merge (encoded $body)) }
}

# Entries that this process wrote and that are not committed: a file for each key, with the newest value, and the value
# of the frame before, in case this frame fails.
def pending-file [key: string] { $env.XS_SCRIPTS | path join $"pending-($nu.pid)-($key | hash sha256)" }

def pending [file: path] {
  if ($file | path exists) { open --raw $file | from nuon } else { [] }
}

def add-pending [key: string, value: list, put: record = {}] {
  let file = (pending-file $key)
  let before = (pending $file | where id != $env.XS_FRAME_ID | last 1)
  $before | append { id: $env.XS_FRAME_ID, key: $key, value: $value, put: $put } | to nuon | save --force $file
}

def keep-pending [keep: closure] {
  for file in (glob ($env.XS_SCRIPTS | path join $"pending-($nu.pid)-*")) {
    let left = (pending $file | where {|entry| do $keep $entry.id })
    if ($left | is-empty) { rm --force $file } else { $left | to nuon | save --force $file }
  }
}

# Drops the entries of all frames up to an id: the store has them now.
export def forget-committed [id: string] { keep-pending {|written| $written > $id } }

# Drops the entries of a failed frame.
export def forget-frame [id: string] { keep-pending {|written| $written != $id } }

# Store the input as the value of a key
export def ".kv put" [key: string]: any -> nothing {
  let value = $in
  let put = match ($value | describe) {
    "string" => { key: $key, value: $value, type: "text/plain; charset=utf-8" }
    "binary" => { key: $key, base64: ($value | encode base64), type: "application/octet-stream" }
    _ => { key: $key, value: ($value | json-of "the value"), type: "application/json" }
  }
  emit { put: $put }
  let size = if $put.base64? == null { $put.value | str length } else { $value | bytes length }
  add-pending $key [$value] { size: $size, type: $put.type }
}

# Remove a key
export def ".kv delete" [key: string]: nothing -> nothing {
  emit { delete: $key }
  add-pending $key []
}

# The value of a key, with this handler's uncommitted writes; nothing if there is none
export def ".kv get" [key: string] {
  let written = (pending (pending-file $key) | last 1 | get --optional 0)
  if $written == null { stored $key } else { $written.value | get --optional 0 }
}

# The keys, with revision, size and type, and with this handler's uncommitted writes, which have no revision
export def ".kv list" [prefix: string = ""] {
  # First the writes, then the store: what is committed in between is in the one or in the other.
  let written = (glob ($env.XS_SCRIPTS | path join $"pending-($nu.pid)-*")
    | each {|file| pending $file | last 1 | get --optional 0 }
    | where key starts-with $prefix)
  use xs.nu
  let stored = (xs .kv list $prefix)
  if ($written | is-empty) { return $stored }
  let keys = ($written | get key)
  let put = ($written | where value != [] | each {|entry| { key: $entry.key } | merge $entry.put })
  $stored | where key not-in $keys | append $put | sort-by key
}

# Reads over the socket: a process for each value would take ten times as long.
def stored [key: string] {
  let socket = ($env.XS_ADDR | path join sock)
  let url = $"http://localhost/kv/($key | url encode --all)"
  let answer = try {
    http get --unix-socket $socket --full --allow-errors --raw $url
  } catch {
    # The path of the socket may be too long; for other errors the command has a better message.
    use xs.nu
    return (xs .kv get $key)
  }
  if $answer.status == 404 { return null }
  if $answer.status != 200 { error make --unspanned { msg: ($answer.body | from json).detail } }
  let type = ($answer.headers.response | where name == "content-type" | get --optional 0.value | default "")
  if $type =~ '(?i)^text/' {
    $answer.body
  } else if $type =~ '(?i)^application/(.*\+)?json\b' {
    try { $answer.body | from json } catch { $answer.body }
  } else {
    $answer.body | into binary
  }
}

# The content of a hash, or of a frame; nothing if there is none. It is complete when this returns: in a `try`
# nushell waits for the end of a program before it reads the output, so both would wait forever.
export def ".cas" [hash?: any] {
  let given = $in
  use xs.nu
  $given | xs .cas $hash | collect
}
