# The commands of xs for nushell:
#
#     xs nu | save xs.nu
#     use xs.nu *
#     .cat --last 3
#
# The store is that of $env.XS_ADDR, else ./store or your own.

def flags [options: record] {
  $options | items {|name, value|
    if $value == null or $value == false {
      []
    } else if $value == true {
      [$"--($name)"]
    } else {
      [$"--($name)" ($value | into string)]
    }
  } | flatten
}

def bytes-or-text [] {
  let value = $in
  match ($value | describe) {
    "nothing" => ""
    "string" | "binary" => $value
    _ => ($value | to json --raw)
  }
}

# Read the stream, oldest first
export def ".cat" [
  --follow (-f) # stay for what comes after
  --pulse (-p): int # a heartbeat every so many ms, while it follows
  --tail (-n) # skip history
  --last-id (-a): string # start after this id
  --from: string # start at this id
  --limit: int # at most so many frames
  --last: int # the newest so many
  --topic (-T): string # a.b, a.*, or several with commas
  --with-timestamp # add the time to every frame
] {
  let given = (flags {
    follow: $follow, pulse: $pulse, tail: $tail, last-id: $last_id, from: $from
    limit: $limit, last: $last, topic: $topic, with-timestamp: $with_timestamp
  })
  ^xs cat ...$given | lines | each { from json }
}

# Append a frame; the input is its content
export def ".append" [
  topic: string
  --meta: record # its metadata
  --ttl: string # forever, ephemeral, time:<ms>, until:<date or ms> or last:<n>
]: any -> record {
  let content = ($in | bytes-or-text)
  let meta = if $meta == null { null } else { $meta | to json --raw }
  $content | ^xs append $topic ...(flags { meta: $meta, ttl: $ttl }) | from json
}

# One frame by its id
export def ".get" [id: string] {
  ^xs get $id | from json
}

# The newest frame, of a topic or of all; or the newest so many
export def ".last" [topic?: string, count?: int] {
  let found = (^xs last ...([$topic $count] | compact | into string) | complete)
  frames $found $count
}

# The oldest frame, of a topic or of all; or the oldest so many
export def ".first" [topic?: string, count?: int] {
  let found = (^xs first ...([$topic $count] | compact | into string) | complete)
  frames $found $count
}

def frames [found: record, count: any] {
  if $found.exit_code != 0 and ($found.stderr | str contains "there is no frame") { return null }
  if $found.exit_code != 0 { error make --unspanned { msg: ($found.stderr | str trim) } }
  let all = ($found.stdout | lines | each { from json })
  if $count == null { $all | get --optional 0 } else { $all }
}

# Remove a frame
export def ".remove" [id: string]: nothing -> nothing {
  ^xs remove $id
}

# The content of a hash, or of a frame
export def ".cas" [hash?: string] {
  let given = $in
  let hash = if $hash != null {
    $hash
  } else if ($given | describe) == "string" {
    $given
  } else {
    $given.hash
  }
  ^xs cas $hash
}

# Store the input as content; gives its hash
export def ".cas-post" [] {
  $in | bytes-or-text | ^xs cas-post | str trim
}

# The value of a key; nothing if there is none
export def ".kv get" [key: string] {
  let found = (^xs kv get --json $key | complete)
  if $found.exit_code != 0 and ($found.stderr | str contains "there is no key") { return null }
  if $found.exit_code != 0 { error make --unspanned { msg: ($found.stderr | str trim) } }
  let pair = ($found.stdout | from json)
  if $pair.base64? != null { return ($pair.base64 | decode base64) }
  let is_text = ($pair.type =~ '(?i)^text/|^application/(.*\+)?json\b')
  if $is_text or ($pair.value | describe) != "string" { $pair.value } else { $pair.value | into binary }
}

# Store the input as the value of a key
export def ".kv put" [key: string]: any -> record {
  let value = $in
  let type = match ($value | describe) {
    "string" => []
    "binary" => ["--type" "application/octet-stream"]
    _ => ["--type" "application/json"]
  }
  $value | bytes-or-text | ^xs kv put ...$type $key | from json
}

# Remove a key
export def ".kv delete" [key: string]: nothing -> nothing {
  ^xs kv delete $key
}

# The keys, with revision, size and type
export def ".kv list" [prefix?: string] {
  ^xs kv list ...([$prefix] | compact) | lines | each { from json }
}

# What is below a prefix that ends with /, then every change
export def ".kv watch" [key: string] {
  ^xs kv watch $key | lines | each { from json }
}

# Write everything into a tar
export def ".export" [file: path]: nothing -> nothing {
  ^xs export $file
}

# Add what an export holds, or frames as a table
export def ".import" [file?: path] {
  if $file == null {
    $in | each { to json --raw } | to text | ^xs import | from json
  } else {
    ^xs import $file | from json
  }
}

# What runs on the stream
export def ".ps" [] {
  ^xs ps | lines | each { from json }
}

# A new id
export def ".id" [] {
  ^xs scru128 | str trim
}
