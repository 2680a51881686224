# Runs a handler: the other end of the line protocol of xs.
use xs.nu *
use effects.nu *

def load [] {
  let script = (source SCRIPT)
  let kind = ($script | describe)
  let handler = if ($kind starts-with "closure") {
    { run: $script }
  } else if ($kind starts-with "record") and "run" in $script {
    $script
  } else {
    error make --unspanned { msg: $"a handler is a closure, or a record with run: a closure of a frame and the state; this is ($kind)" }
  }
  # A closure without state is given none.
  let options = ($handler | reject run | insert batches true)
  # One that reads the log is to find there what it did before.
  let reads = ((open --raw SCRIPT) =~ '(?m)(^|[^\w$])\.(cat|last|first|get|cas)\b')
  let options = if "one_by_one" in $options { $options } else { $options | insert one_by_one $reads }
  print --raw ({ ready: $options } | to json --raw)
  $handler.run
}

# What a frame makes, as lines, and the state after it.
def result [given: any, frame_id: string, state: any] {
  if $given == null { return { next: $state } }
  let kind = ($given | describe)
  if not ($kind starts-with "record") {
    error make --unspanned { msg: $"run gives { out?, next?, response? } or nothing, not a ($kind)" }
  }
  let unknown = ($given | reject --optional out next response)
  if ($unknown | is-not-empty) {
    error make --unspanned { msg: $"what run gives knows no ($unknown | columns | to json --raw): it knows out, next, response" }
  }
  let out = $given.out?
  let made = if $out == null {
    {}
  } else if ($out | describe) == "binary" {
    { out_base64: ($out | encode base64) }
  } else {
    { out: $out }
  }
  let made = if $given.response? == null {
    $made
  } else if ($given.response.body? | describe) == "binary" {
    let base64 = ($given.response.body | encode base64)
    $made | insert response ($given.response | reject body | insert body_base64 $base64)
  } else {
    $made | insert response $given.response
  }
  let next = if "next" in $given { $given.next } else { $state }
  if ($made | is-empty) {
    { next: $next }
  } else {
    { next: $next, out: ($made | insert frame_id $frame_id | to json --raw) }
  }
}

# The state of the loop: [the handler's state, the last frame that is not declared done, whether the
# state changed since].
def work [run: closure] {
  lines | generate {|line, s: any = [null "" false]|
    let frame = ($line | from json)
    if "topic" in $frame {
      $env.XS_FRAME_ID = $frame.id
      let made = try {
        let given = (do $run $frame $s.0)
        if $given == null {
          { next: $s.0 }
        } else if "next" in $given and ($given | columns | length) == 1 {
          # The usual fold, without the cost of a call.
          $given
        } else {
          result $given $frame.id $s.0
        }
      } catch {|e| { error: ($e.rendered? | default $e.msg | ansi strip) } }
      if "error" in $made {
        forget-frame $frame.id
        let done = if $s.1 == "" { "" } else { $"({ next: $s.0, done: $s.1 } | to json --raw)\n" }
        { out: $"($done)({ error: $made.error, frame_id: $frame.id } | to json --raw)", next: [$s.0 "" false] }
      } else if "out" in $made {
        { out: $made.out, next: [$made.next $frame.id true] }
      } else {
        { next: [$made.next $frame.id true] }
      }
    } else if "batch" in $frame {
      if $s.1 == "" {
        { next: $s }
      } else {
        { out: ({ next: $s.0, done: $s.1 } | to json --raw), next: [$s.0 "" false] }
      }
    } else if "committed" in $frame {
      # In a trial nothing is committed.
      if "XS_TRIAL" not-in $env { forget-committed $frame.committed }
      { next: $s }
    } else {
      { next: [$frame.state "" false] }
    }
  } | to text
}

def main [] { work (load) }
