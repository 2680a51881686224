# The commands of xs for nushell:
#
#     xs nu --install      # in every nushell from now on
#     xs nu | save xs.nu   # or for some: use xs.nu *
#     .cat --last 3
#
# The store is that of $env.XS_ADDR, else ./store or your own.

# The program: in a script that xs runs, the one that runs it.
def program [] {
  let given = ($env.XS? | default "")
  if $given == "" { "xs" } else { $given }
}

# The address, such that it can be nothing else; none where xs is to find the store.
def address [] {
  let given = ($env.XS_ADDR? | default "")
  if $given == "" {
    []
  } else if $given =~ '://|^[^./~].*:.*@|^[^./~][^/]*@(\[[^/]*|localhost|[0-9]+(\.[0-9]+){3}|[^/]*:[^/]*)$|^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):[0-9]+$' {
    [$given]
  } else {
    [($given | path expand --no-symlink)]
  }
}

# The arguments of a command. A word may come from anywhere, so it is never taken for an option or an address: the
# value of an option is in one word with it, and the others stand after -- and the address.
def arguments [options: record, ...words: string] {
  let given = ($options | items {|name, value|
    if $value == null or $value == false {
      null
    } else if $value == true {
      $"--($name)"
    } else {
      $"--($name)=($value)"
    }
  })
  [...($given | compact) "--" ...(address) ...$words]
}

# Runs a command that ends, and fails with what it says.
def ask [...command: string]: any -> any {
  let input = $in
  let found = if $input == null {
    run-external (program) ...$command | complete
  } else {
    $input | run-external (program) ...$command | complete
  }
  if $found.exit_code == 0 { $found.stdout } else { fail $found.stderr }
}

# Runs a command that prints JSON lines, and gives each as it comes. nushell does not look how a command ended whose
# lines it reads, and a read that failed is not an empty one: sh adds a line that is no JSON.
def rows [...command: string] {
  let watched = 'exec 3>&1; said=$("$0" "$@" 2>&1 >&3 3>&-) || printf "!%s\n" "$(printf %s "$said" | tr "\n" "\r")"'
  run-external /bin/sh "-c" $watched (program) ...$command | lines | if (which peek | is-empty) {
    each {|line| row $line }
  } else {
    # What fails at once is known before the first row is asked for.
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

# Fails with what a command wrote to stderr, without how it is used.
def fail [said: string] {
  let said = ($said | ansi strip | str trim | str replace --regex '^ERROR\s+' '')
  error make --unspanned { msg: ($said | split row "\n\n" | first) }
}

# Several topics are a list, or a text with commas.
def topics [given: any] {
  if $given == null { null } else { [$given] | flatten | str join "," }
}

# Text and bytes as they are, nothing as nothing, the rest as JSON.
def content []: any -> any {
  let value = $in
  match ($value | describe) {
    "nothing" => ""
    "string" | "binary" => $value
    _ => ($value | json-of "the content")
  }
}

# Read the stream, oldest first
export def ".cat" [
  --follow (-f) # stay for what comes after
  --pulse (-p): int # a heartbeat every so many ms, while it follows
  --tail (-n) # skip history
  --new # the same
  --last-id (-a): string # start after this id
  --after: string # the same
  --from: string # start at this id
  --limit: int # at most so many frames
  --last: int # the newest so many
  --topic (-T): any # a.b, a.*, or several: a list, or with commas
  --with-timestamp # add the time to every frame
  --detail (-d) # every field of a frame, as without it
] {
  let given = (arguments {
    follow: ($follow or $pulse != null), pulse: $pulse, tail: ($tail or $new)
    last-id: ($last_id | default $after), from: $from, limit: $limit, last: $last
    topic: (topics $topic), with-timestamp: $with_timestamp
  })
  rows cat ...$given
}

# Append a frame; the input is its content
export def ".append" [
  topic: string
  --meta: record # its metadata
  --ttl: string # forever, ephemeral, time:<ms>, until:<date or ms> or last:<n>
]: any -> record {
  let content = ($in | content)
  let meta = if $meta == null { null } else { $meta | json-of meta }
  $content | ask append ...(arguments { meta: $meta, ttl: $ttl } $topic) | from json
}

# One frame by its id
export def ".get" [
  id: string
  --with-timestamp # add its time
] {
  ask get ...(arguments { with-timestamp: $with_timestamp } $id) | from json
}

# The newest frame, of a topic or of all; or the newest so many
export def ".last" [
  topic?: any # a.b, a.*, or several: a list, or with commas
  count?: int
  --follow (-f) # stay for what comes after
  --with-timestamp # add the time to every frame
] {
  let asked = (one-or-more $topic $count)
  let options = {
    last: ($asked.count | default 1), topic: $asked.topic, with-timestamp: $with_timestamp, follow: $follow
  }
  if $follow {
    rows cat ...(arguments $options)
  } else {
    let found = (rows cat ...(arguments $options))
    if $asked.count == null { $found | get --optional 0 } else { $found }
  }
}

# The oldest frame, of a topic or of all; or the oldest so many
export def ".first" [
  topic?: any # a.b, a.*, or several: a list, or with commas
  count?: int
  --with-timestamp # add the time to every frame
] {
  let asked = (one-or-more $topic $count)
  let options = { limit: ($asked.count | default 1), topic: $asked.topic, with-timestamp: $with_timestamp }
  let found = (rows cat ...(arguments $options))
  if $asked.count == null { $found | get --optional 0 } else { $found }
}

# The first of two words may be the count.
def one-or-more [topic: any, count: any] {
  if $count == null and ($topic | describe) == "int" {
    { topic: null, count: $topic }
  } else {
    { topic: (topics $topic), count: $count }
  }
}

# Remove a frame
export def ".remove" [id: string]: nothing -> nothing {
  ask remove ...(arguments {} $id) | ignore
}

# Remove a frame
export alias .rm = .remove

# The content of a hash, or of a frame; nothing where it has none
export def ".cas" [hash?: any] {
  let given = if $hash == null { $in } else { $hash }
  let hash = if ($given | describe) starts-with "record" { $given.hash } else { $given }
  if $hash == null { return }
  run-external (program) cas ...(arguments {} ($hash | into string))
}

# Store the input as content; gives its hash
export def ".cas-post" [] {
  $in | content | ask cas-post ...(arguments {}) | str trim
}

# The value of a key; nothing if there is none
export def ".kv get" [key: string] {
  let found = (run-external (program) kv get ...(arguments { json: true } $key) | complete)
  if $found.exit_code != 0 and ($found.stderr | str contains "there is no key") { return null }
  if $found.exit_code != 0 { fail $found.stderr }
  let pair = ($found.stdout | from json)
  if $pair.base64? != null { return ($pair.base64 | decode base64) }
  let is_text = ($pair.type =~ '(?i)^text/|^application/(.*\+)?json\b')
  if $is_text or ($pair.value | describe) != "string" { $pair.value } else { $pair.value | into binary }
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
  # Without an address a lone word could be one.
  if (address | is-empty) {
    rows kv list | where key starts-with $prefix
  } else {
    rows kv list ...(arguments {} $prefix)
  }
}

# What is below a prefix that ends with /, then every change
export def ".kv watch" [key: string] {
  rows kv watch ...(arguments {} $key)
}

# Write everything into a tar
export def ".export" [file: path]: nothing -> nothing {
  run-external (program) export ...(arguments {} ($file | path expand --no-symlink))
}

# Add what an export holds, or frames as a table
export def ".import" [file?: path] {
  if $file == null {
    $in | each { json-of frame } | to text | ask import ...(arguments {}) | from json
  } else {
    run-external (program) import ...(arguments {} ($file | path expand --no-symlink)) | from json
  }
}

# What runs on the stream
export def ".ps" [] {
  rows ps ...(arguments {})
}

# Run a script with the store at hand: a file, a text, or the input
export def ".eval" [
  file?: path
  --commands (-c): string # the script itself
] {
  let script = if $commands == null { $in } else { $commands }
  if $file != null {
    run-external (program) eval ...(arguments {} ($file | path expand --no-symlink))
  } else if $script != null {
    # Not as an argument, which may be too long for that.
    $script | run-external (program) eval ...(arguments {} "-")
  } else {
    error make --unspanned { msg: "there is no script: name a file, give it with -c, or pipe it in" }
  }
}

# A new id
export def ".id" [] {
  ask scru128 | str trim
}

# What an id is made of, with its time
export def ".id unpack" [id?: string] {
  let id = if $id == null { $in } else { $id }
  let fields = (ask scru128 unpack "--" ($id | into string) | from json)
  # Last, so that pack finds what it needs and no more.
  $fields | insert when ($fields.ts_ms * 1_000_000 | into datetime)
}

# An id of the parts that .id unpack gives
export def ".id pack" [fields?: record] {
  let fields = if $fields == null { $in } else { $fields }
  $fields | reject --optional when | to json --raw | ask scru128 pack | str trim
}
