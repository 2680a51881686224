# The commands of xs for nushell:
#
#     xs nu --install      # in every nushell from now on
#     xs nu | save xs.nu   # or only where you write: use xs.nu *
#     .cat --last 3
#
# The commands use the store of $env.XS_ADDR, else ./store, else your default store.

# The xs program: in a script that xs runs, the same program.
def program [] {
  let given = ($env.XS? | default "")
  if $given == "" { "xs" } else { $given }
}

# The arguments of a command. A word may come from anywhere, so it must never be read as an option or an address: an
# option and its value are one word, and all other words follow --.
def arguments [options: record, ...words: string] {
  let options = ({ store: ($env.XS_ADDR? | default "") } | merge $options)
  let given = ($options | items {|name, value|
    if $value == null or $value == false or ($name == "store" and $value == "") {
      null
    } else if $value == true {
      $"--($name)"
    } else {
      $"--($name)=($value)"
    }
  })
  [...($given | compact) "--" ...$words]
}

# Runs a command to its end; fails with its error message.
def ask [...command: string]: any -> any {
  let input = $in
  let found = if $input == null {
    run-external (program) ...$command | complete
  } else {
    $input | run-external (program) ...$command | complete
  }
  if $found.exit_code != 0 { fail $found.stderr }
  # What a command that succeeds says there: that it made the store, for example.
  if $found.stderr != "" { print --stderr --no-newline $found.stderr }
  $found.stdout
}

# Runs a command that prints JSON lines, and yields each as it comes. nushell ignores the exit code of a command whose
# lines it reads, so a failed read would look empty: sh adds a line that is no JSON.
def rows [...command: string] {
  let watched = 'exec 3>&1; said=$("$0" "$@" 2>&1 >&3 3>&-) || printf "!%s\n" "$(printf %s "$said" | tr "\n" "\r")"'
  run-external /bin/sh "-c" $watched (program) ...$command | lines | if (which peek | is-empty) {
    each {|line| row $line }
  } else {
    # Reports an early failure before the first row is read.
    peek 1 | metadata access {|metadata|
      if ($metadata.peek.value?.0? | default "") starts-with "!" {
        row $metadata.peek.value.0
      } else {
        each {|line| row $line }
      }
    }
  }
}

def row [line: string] {
  if $line starts-with "!" {
    fail ($line | str substring 1.. | str replace --all "\r" "\n")
  } else {
    $line | from json
  }
}

# Fails with the message that a command wrote to stderr, without its usage.
def fail [said: string] {
  let said = ($said | ansi strip | str trim | str replace --regex '^ERROR\s+' '')
  error make --unspanned { msg: ($said | split row "\n\n" | first) }
}

# Joins topics, which are a list or a text with commas.
def topics [given: any] {
  if $given == null { null } else { [$given] | flatten | str join "," }
}

# Encodes content: text and bytes as they are, nothing as empty, anything else as JSON.
def content []: any -> any {
  let value = $in
  match ($value | describe) {
    "nothing" => ""
    "string" | "binary" => $value
    _ => ($value | json-of "the content")
  }
}

# A time as xs takes it. A text is one already; a duration counts back from now.
def time-of [given: any] {
  match ($given | describe) {
    "duration" => ((date now) - $given | format date "%+")
    "datetime" => ($given | format date "%+")
    _ => $given
  }
}

# Read the stream, oldest first
export def ".cat" [
  --follow (-f) # go on with what comes later
  --pulse (-p): int # the interval of a heartbeat in ms, while it follows
  --tail (-n) # skip history
  --new # the same
  --last-id (-a): string # start after this id
  --after: string # the same
  --from: string # start at this id
  --since: oneof<duration, string, datetime> # only frames from then on: a date, a time, or an age like 15m, 2h, 7d
  --until: oneof<duration, string, datetime> # only frames from before then
  --wait: int # if the history has nothing, wait for the first frame, at most this many ms
  --limit: int # at most this many frames
  --last: int # only this many of the newest frames
  --topic (-T): any # a.b, a.*, or several: a list, or with commas
  --with-timestamp # add the time to every frame
  --content # add the content to every frame, up to 256 KiB of it
  --detail (-d) # has no effect: frames always have every field
] {
  let given = (arguments {
    follow: ($follow or $pulse != null), pulse: $pulse, tail: ($tail or $new)
    last-id: ($last_id | default $after), from: $from, limit: $limit, last: $last
    since: (time-of $since), until: (time-of $until), wait: $wait
    topic: (topics $topic), with-timestamp: $with_timestamp, content: $content
  })
  rows cat ...$given
}

# Append a frame; the input is its content
export def ".append" [
  topic: string
  --meta: record # its metadata
  --ttl: string # forever, ephemeral, time:<ms, or 90s, 15m, 12h, 7d, 4w>, until:<date or ms> or last:<n>
  --at: oneof<string, datetime> # a time to come, when it is appended, or one that has passed
]: any -> record {
  let content = ($in | content)
  let meta = if $meta == null { null } else { $meta | json-of meta }
  $content | ask append ...(arguments { meta: $meta, ttl: $ttl, at: (time-of $at) } $topic) | from json
}

# One frame by its id
export def ".get" [
  id: string
  --with-timestamp # add its time
  --content # add its content, up to 256 KiB of it
] {
  ask get ...(arguments { with-timestamp: $with_timestamp, content: $content } $id) | from json
}

# The newest frame, of a topic or of all; or several of the newest
export def ".last" [
  topic?: any # a.b, a.*, or several: a list, or with commas
  count?: int
  --follow (-f) # go on with what comes later
  --with-timestamp # add the time to every frame
  --content # add the content to every frame, up to 256 KiB of it
] {
  let asked = (one-or-more $topic $count)
  let options = {
    last: ($asked.count | default 1), topic: $asked.topic, with-timestamp: $with_timestamp, content: $content
    follow: $follow
  }
  if $follow {
    rows cat ...(arguments $options)
  } else {
    let found = (rows cat ...(arguments $options))
    if $asked.count == null { $found | get --optional 0 } else { $found }
  }
}

# The oldest frame, of a topic or of all; or several of the oldest
export def ".first" [
  topic?: any # a.b, a.*, or several: a list, or with commas
  count?: int
  --with-timestamp # add the time to every frame
  --content # add the content to every frame, up to 256 KiB of it
] {
  let asked = (one-or-more $topic $count)
  let options = {
    limit: ($asked.count | default 1), topic: $asked.topic, with-timestamp: $with_timestamp, content: $content
  }
  let found = (rows cat ...(arguments $options))
  if $asked.count == null { $found | get --optional 0 } else { $found }
}

# Parses a topic and a count. A single number is the count.
def one-or-more [topic: any, count: any] {
  if $count == null and ($topic | describe) == "int" {
    { topic: null, count: $topic }
  } else {
    { topic: (topics $topic), count: $count }
  }
}

# Remove a frame: a record, or its id
export def ".remove" [
  frame: oneof<string, record>
]: nothing -> nothing {
  let id = if ($frame | describe) == "string" { $frame } else { $frame.id }
  ask remove ...(arguments {} $id) | ignore
}

# Remove a frame: a record, or its id
export alias .rm = .remove

# The content of a hash, or of a frame; nothing if there is none
export def ".cas" [hash?: any] {
  let given = if $hash == null { $in } else { $hash }
  let hash = if ($given | describe) starts-with "record" { $given.hash } else { $given }
  if $hash == null { return }
  run-external (program) cas ...(arguments {} ($hash | into string))
}

# Store the input as content and return its hash
export def ".cas-post" [] {
  $in | content | ask cas-post ...(arguments {}) | str trim
}

# The value of a key; nothing if there is none
export def ".kv get" [key: string] {
  let found = (run-external (program) kv get ...(arguments { json: true } $key) | complete)
  if $found.exit_code != 0 and ($found.stderr | str contains "there is no key") { return null }
  if $found.exit_code != 0 { fail $found.stderr }
  let entry = ($found.stdout | from json)
  if $entry.base64? != null { return ($entry.base64 | decode base64) }
  let is_text = ($entry.type =~ '(?i)^text/|^application/(.*\+)?json\b')
  if $is_text or ($entry.value | describe) != "string" { $entry.value } else { $entry.value | into binary }
}

# Store the input as the value of a key
export def ".kv put" [key: string]: any -> record {
  let value = $in
  let type = match ($value | describe) {
    "string" => null
    "binary" => "application/octet-stream"
    _ => "application/json"
  }
  let value = if $value == null { "null" } else { $value | content }
  $value | ask kv put ...(arguments { type: $type } $key) | from json
}

# Remove a key
export def ".kv delete" [key: string]: nothing -> nothing {
  ask kv delete ...(arguments {} $key) | ignore
}

# The keys, with revision, size and type
export def ".kv list" [prefix: string = ""] {
  rows kv list ...(arguments {} $prefix)
}

# The entry of a key, or all entries below a prefix that ends with /, then every change
export def ".kv watch" [key: string] {
  rows kv watch ...(arguments {} $key)
}

# Write everything into a tar
export def ".export" [file: path]: nothing -> nothing {
  run-external (program) export ...(arguments {} ($file | path expand --no-symlink))
}

# Import an export, or frames as a table
export def ".import" [file?: path] {
  if $file == null {
    $in | each { json-of frame } | to text | ask import ...(arguments {}) | from json
  } else {
    run-external (program) import ...(arguments {} ($file | path expand --no-symlink)) | from json
  }
}

# The running generators and handlers
export def ".ps" [] {
  rows ps ...(arguments {})
}

# Run a script that uses the store: a file, a text, or the input
export def ".eval" [
  file?: path
  --commands (-c): string # the script itself
] {
  let script = if $commands == null { $in } else { $commands }
  if $file != null {
    run-external (program) eval ...(arguments {} ($file | path expand --no-symlink))
  } else if $script != null {
    # Passed on stdin: an argument could be too long.
    $script | run-external (program) eval ...(arguments {} "-")
  } else {
    error make --unspanned { msg: "there is no script: name a file, give it with -c, or pipe it in" }
  }
}

# A new id
export def ".id" [] {
  ask scru128 | str trim
}

# The time of a frame, or of an id
export def ".time" [frame?: oneof<string, record>]: any -> datetime {
  let given = if $frame == null { $in } else { $frame }
  let id = (if ($given | describe) starts-with "record" { $given.id } else { $given | into string })
  if $id !~ '(?i)^[0-9a-z]{25}$' {
    error make --unspanned { msg: $"($id | to json --raw) is not an id: an id is 25 base36 digits" }
  }
  # Five digits at a time, in words of 32 bits, as an int has 64. The time is in the upper 48 bits of 128.
  mut words = [0 0 0 0]
  for at in [0 5 10 15 20] {
    # With a 1 before them, or nushell would read 0b, 0o and 0x as the beginning of another notation.
    mut carry = ($"1($id | str substring $at..($at + 4))" | into int --radix 36) - 60_466_176
    for n in [3 2 1 0] {
      let next = (($words | get $n) * 60_466_176 + $carry)
      $words = ($words | update $n ($next mod 4_294_967_296))
      $carry = ($next // 4_294_967_296)
    }
  }
  ($words.0 * 65536 + $words.1 // 65536) * 1_000_000 | into datetime
}

# The parts of an id, with its time
export def ".id unpack" [id?: string] {
  let id = if $id == null { $in } else { $id }
  let fields = (ask scru128 unpack "--" ($id | into string) | from json)
  # The time comes last, and pack drops it again.
  $fields | insert when ($fields.ts_ms * 1_000_000 | into datetime)
}

# Make an id from the parts that .id unpack returns
export def ".id pack" [fields?: record] {
  let fields = if $fields == null { $in } else { $fields }
  $fields | reject --optional when | to json --raw | ask scru128 pack | str trim
}
