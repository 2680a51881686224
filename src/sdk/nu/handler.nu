# Runs a handler: the other end of the line protocol of xs.
use xs.nu *
use effects.nu *

def say-ready [options: record] { print --raw $"{\"ready\":($options | json-of '')}" }

# The default of the second parameter stands for a state that is not there yet.
def with-default [run: closure] {
  # What is in quotes and brackets is no part of the list of parameters, nor are comments.
  mut list = (view source $run | str replace --regex '^\{\s*' '' | str replace --all --regex `"(\\.|[^"\\])*"|'[^']*'|#[^\n]*` '')
  if $list not-starts-with "|" { return $run }
  loop {
    let shorter = ($list | str replace --all --regex '<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}' '')
    if $shorter == $list { break }
    $list = $shorter
  }
  let parameters = ($list | split row "|" | get 1 | str replace --all --regex '\s*([:=])\s*' '$1' | split row --regex '[,\s]+')
  if ($parameters | compact --empty | get --optional 1 | default "") not-has "=" { return $run }
  {|frame, state| if $state == null { do $run $frame } else { do $run $frame $state } }
}

# A state is written as JSON when a batch is done. Where that failed once, or in a trial, each is looked at, to tell
# which frame it comes of.
def careful-file [] { $env.XS_SCRIPTS | path join careful }

def careful [run: closure] {
  if "XS_TRIAL" not-in $env and not (careful-file | path exists) { return $run }
  {|frame, state|
    let given = (do $run $frame $state)
    if ($given | describe) starts-with "record" { $given.next? | state-json | ignore }
    $given
  }
}

# A state as JSON, of which it has to come back as it is after a restart.
def state-json []: any -> string {
  let state = $in
  let text = ($state | json-of next)
  if ($text | str length) > 256 { check-line $text }
  if ($state | describe) =~ '\b(any|binary|cell-path|datetime|duration|filesize|glob|range)\b' {
    let problem = (find-value $state next [binary cell-path datetime duration filesize glob range])
    if $problem != null {
      error make --unspanned { msg: $"($problem), which a state does not keep: make a text or a number of it" }
    }
  }
  $text
}

# Where it cannot be written the process ends, and starts again from the last state that could. exit does not work here,
# and generate ends only with the next line.
def state-text [state: any] {
  try {
    $state | state-json
  } catch {|e|
    touch (careful-file)
    print --stderr $e.msg
    run-external /bin/sh "-c" $"kill ($nu.pid)"
    sleep 1day
  }
}

# What a frame makes, as a line, and the state of the loop after it.
def result [given: any, frame_id: string, state: any] {
  let kind = ($given | describe)
  if not ($kind starts-with "record") {
    error make --unspanned { msg: $"run gives { out?, next?, response? } or nothing, not a ($kind)" }
  }
  match ($given | columns) {
    ["out"] | ["out", "next"] | ["next", "out"] | ["response"] | ["response", "next"] | ["next", "response"] => null
    _ => { refuse-unknown $given }
  }
  let out = $given.out?
  let made = if $out == null {
    { frame_id: $frame_id }
  } else if ($out | describe) == "binary" {
    { frame_id: $frame_id, out_base64: ($out | encode base64) }
  } else {
    { frame_id: $frame_id, out: $out }
  }
  let response = $given.response?
  let made = if $response == null {
    $made
  } else if ($response.body? | describe) == "binary" {
    $made | insert response ($response | reject body | insert body_base64 ($response.body | encode base64))
  } else {
    $made | insert response $response
  }
  let next = [(if "next" in $given { $given.next } else { $state }) $frame_id]
  if $out == null and $response == null { return { next: $next } }
  # As json-of does, without the cost of a call.
  let line = try { $made | to json --raw } catch { "null" }
  let line = if $line has "null" { $made | json-of "" } else { $line }
  if ($line | str length) > 256 { check-line $line }
  { next: $next, out: $line }
}

def refuse-unknown [given: record] {
  let unknown = ($given | reject --optional out next response)
  if ($unknown | is-not-empty) {
    error make --unspanned { msg: $"what run gives knows no ($unknown | columns | to json --raw): it knows out, next, response" }
  }
}

# A frame that nushell cannot read, as one with half a surrogate pair, fails as run would on it.
def unreadable [line: string, reason: string] {
  let id = ($line | parse --regex '^\{"topic":"[^"]*","id":"(?<id>[0-9a-z]{25})"' | get --optional 0.id)
  { topic: "", id: $id, unreadable: $"nushell cannot read the frame: ($reason)" }
}

# The state of the loop: [the handler's state, the last frame that is not declared done].
def work [run: closure] {
  lines | generate {|line, s: any = [null ""]|
    let frame = try { $line | from json } catch {|e| unreadable $line $e.msg }
    if "topic" in $frame {
      $env.XS_FRAME_ID = $frame.id
      try {
        if $frame.topic == "" { error make --unspanned { msg: $frame.unreadable } }
        let given = (do $run $frame $s.0)
        match $given {
          # The usual fold, without the cost of a call.
          { next: $next } if ($given | columns) == [next] => { next: [$next $frame.id] }
          null => { next: [$s.0 $frame.id] }
          _ => { result $given $frame.id $s.0 }
        }
      } catch {|e|
        forget-frame $frame.id
        let error = ({ error: ($e.rendered? | default $e.msg | ansi strip), frame_id: $frame.id } | to json --raw)
        if $s.1 == "" {
          { out: $error, next: [$s.0 ""] }
        } else {
          { out: $"{\"next\":(state-text $s.0),\"done\":\"($s.1)\"}\n($error)", next: [$s.0 ""] }
        }
      }
    } else if "batch" in $frame {
      if $s.1 == "" {
        { next: $s }
      } else {
        { out: $"{\"next\":(state-text $s.0),\"done\":\"($s.1)\"}", next: [$s.0 ""] }
      }
    } else if "committed" in $frame {
      # In a trial nothing is committed.
      if "XS_TRIAL" not-in $env { forget-committed $frame.committed }
      { next: $s }
    } else {
      { next: [$frame.state ""] }
    }
  } | to text
}

# What comes from here on prints as scripts do.
use printed.nu *

# What the script sets in $env is for run as well.
def --env load [] {
  let script = (source SCRIPT)
  let kind = ($script | describe)
  let handler = if ($kind starts-with "closure") {
    { run: $script }
  } else if ($kind starts-with "record") and ($script.run? | describe) == "closure" {
    $script
  } else {
    error make --unspanned { msg: $"a handler is a closure, or a record with run: a closure of a frame and the state; this is ($kind)" }
  }
  # A closure without state is given none.
  let options = ($handler | reject run | upsert batches true)
  # One that reads the log is to find there what it did before.
  let reads = ((open --raw SCRIPT) =~ '(?m)(^|[^\w$])\.(cat|last|first|get|cas)\b')
  let options = if "one_by_one" in $options { $options } else { $options | insert one_by_one $reads }
  say-ready $options
  careful (with-default $handler.run)
}

def main [] { work (load) }
