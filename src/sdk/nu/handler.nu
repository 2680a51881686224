# Runs a handler: the other end of the line protocol of xs.
use xs.nu *
use effects.nu *

def say-ready [options: record] { print --raw $"{\"ready\":($options | json-of '')}" }

# Makes the default of the second parameter the state, as long as there is none.
def with-default [run: closure] {
  # Quotes, brackets and comments must not be read as parts of the list of parameters.
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

# A state becomes JSON when a batch is done. In a trial, or after that failed once, each state is checked, to find the
# frame that made it.
def careful-file [] { $env.XS_SCRIPTS | path join careful }

def careful [run: closure] {
  if "XS_TRIAL" not-in $env and not (careful-file | path exists) { return $run }
  {|frame, state|
    let given = (do $run $frame $state)
    if ($given | describe) starts-with "record" { $given.next? | state-json | ignore }
    $given
  }
}

# Encodes a state as JSON. It refuses values that would come back changed after a restart.
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

# Encodes a state. If that fails, the process ends, and restarts from the last valid state. exit does not work here, and
# generate ends only with the next line.
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

# Encodes the result of a frame as a line, with the next state of the loop.
def result [given: any, frame_id: string, state: any] {
  let kind = ($given | describe)
  if not ($kind starts-with "record") {
    error make --unspanned { msg: $"run returns { out?, next?, response? } or nothing, not a ($kind)" }
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
    error make --unspanned { msg: $"the result of run knows no ($unknown | columns | to json --raw): it knows out, next, response" }
  }
}

# Stands for a frame that nushell cannot read, such as one with half a surrogate pair: it fails like an error of run.
def unreadable [line: string, reason: string] {
  let id = ($line | parse --regex '^\{"topic":"[^"]*","id":"(?<id>[0-9a-z]{25})"' | get --optional 0.id)
  { topic: "", id: $id, unreadable: $"nushell cannot read the frame: ($reason)" }
}

# Handles the lines. The state of the loop is [the handler's state, the last frame that is not declared done].
def work [run: closure] {
  lines | generate {|line, s: any = [null ""]|
    let frame = try { $line | from json } catch {|e| unreadable $line $e.msg }
    if "topic" in $frame {
      $env.XS_FRAME_ID = $frame.id
      try {
        if $frame.topic == "" { error make --unspanned { msg: $frame.unreadable } }
        let given = (do $run $frame $s.0)
        match $given {
          # The usual fold, handled here without the cost of a call.
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
      # A trial commits nothing.
      if "XS_TRIAL" not-in $env { forget-committed $frame.committed }
      { next: $s }
    } else {
      { next: [$frame.state ""] }
    }
  } | to text
}

# From here on, print writes to stderr, as for scripts.
use printed.nu *

# With --env, so that run sees what the script sets in $env.
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
  let options = ($handler | reject run | upsert batches true)
  # A handler that reads the log must find its earlier effects there, so it gets one frame at a time.
  let reads = ((open --raw SCRIPT) =~ '(?m)(^|[^\w$])\.(cat|last|first|get|cas)\b')
  let options = if "one_by_one" in $options { $options } else { $options | insert one_by_one $reads }
  say-ready $options
  careful (with-default $handler.run)
}

# Standard input is empty where the server could put the frames elsewhere, so that a program in run takes none of them.
def main [] {
  if "XS_INPUT" in $env { open --raw $env.XS_INPUT | work (load) } else { work (load) }
}
