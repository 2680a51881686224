# What a script gives, for a pipe: text and bytes as they are, the rest as JSON, a line for each value as it comes.
export def xs-eval-lines [] {
  # A look at the type does not wait for the end; an older nushell has no command for it.
  if (which peek | is-empty) {
    print-each
  } else {
    peek | metadata access {|metadata|
      if $metadata.peek.stream and $metadata.peek.type in ["byte stream" "string" "binary"] {
        # It goes on as it is, with the exit code behind it.
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
      # Nobody reads it any more. Here nothing ends a script without a word but a signal.
      ^kill $nu.pid
    }
  } | ignore
}
