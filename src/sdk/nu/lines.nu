# Prints each value of a script for a pipe, as it comes: text and bytes as they are, anything else as a line of JSON.
export def xs-eval-lines [] {
  # peek reads the type without waiting for the end; an older nushell does not have it.
  if (which peek | is-empty) {
    print-each
  } else {
    peek | metadata access {|metadata|
      if $metadata.peek.stream and $metadata.peek.type in ["byte stream" "string" "binary"] {
        # The stream passes through unchanged, with its exit code.
      } else if $metadata.peek.type != "nothing" {
        print-each
      }
    }
  }
}

def print-each [] {
  each {|value|
    let kind = ($value | describe)
    let line = if $kind in ["string" "binary"] { $value } else { $value | json-of "a value" }
    try {
      if $kind == "binary" { print --raw --no-newline $line } else { print --raw $line }
    } catch {
      # Nobody reads the output any more. Only a signal ends a script here without a message.
      ^kill $nu.pid
    }
  } | ignore
}
