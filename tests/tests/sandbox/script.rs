//! Shell functions for the probes. The image has bash and perl, but no network clients.

/// The functions, which precede the script of each probe.
pub(crate) const PRELUDE: &str = r#"
# Sends the probe's name to an address and a port over TCP, and waits for the answer.
tell() {
  perl -MIO::Socket::IP -e '
    alarm 10;
    my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Type => SOCK_STREAM) or die "$!\n";
    $s->syswrite("$ENV{WHO};");
    print <$s>' "$@"
}

# Queries a name server for a name that contains the probe's name, and waits for the answer.
look_up() {
  perl -MIO::Socket::INET -e '
    alarm 10;
    my $s = IO::Socket::INET->new(PeerHost => $ARGV[0], PeerPort => 53, Proto => "udp") or die "$!\n";
    my $name = join "", map { pack "C/a*", $_ } $ENV{WHO}, "probe", "invalid";
    $s->send(pack("n6", 1, 0x100, 1, 0, 0, 0) . "$name\0" . pack("n2", 1, 1)) or die "$!\n";
    $s->recv(my $answer, 512) // die "$!\n";
    print length $answer, " bytes of an answer\n"' "$@"
}

# Sends text to a Unix socket and prints the first line of the answer. `@` means an abstract socket.
say_to() {
  perl -MIO::Socket::UNIX -e '
    alarm 10;
    (my $path = shift) =~ s/^@/\0/;
    my $s = IO::Socket::UNIX->new(Peer => $path) or die "$!\n";
    $s->syswrite("@ARGV\r\n\r\n");
    print scalar <$s>' "$@"
}

# Sends a request to the model API, with the probe's name in its message. Follows redirects.
ask() {
  perl -MIO::Socket::INET -e '
    alarm 20;
    my ($target, $more, $headers) = @ARGV;
    my $body = qq({"model":"claude-a","max_tokens":9,"messages":[{"role":"user","content":"$ENV{WHO};"}]$more});
    my $length = length $body;
    my $url = $ENV{MODEL};
    while ($url =~ m{^http://([^/]+)}) {
      my $s = IO::Socket::INET->new(PeerHost => $1) or die "$!\n";
      $s->syswrite("$target HTTP/1.1\r\nhost: $1\r\nconnection: close\r\nx-api-key: $ENV{KEY}\r\n$headers" .
        "content-type: application/json\r\ncontent-length: $length\r\n\r\n$body");
      my $answer = join "", <$s>;
      print "$answer\n";
      ($url) = $answer =~ /^location: (\S+)/im;
    }' "$@"
}

# Requests a connection from the egress proxy, and sends the probe's name over it. `\0` is a NUL.
connect() {
  perl -MIO::Socket::INET -e '
    alarm 20;
    (my $target = shift) =~ s/\\0/\0/g;
    my ($proxy) = $ENV{HTTPS_PROXY} =~ m{^http://(.*)} or die "no proxy\n";
    my $s = IO::Socket::INET->new(PeerHost => $proxy) or die "$!\n";
    $s->syswrite("CONNECT $target HTTP/1.1\r\n\r\n");
    $s->sysread(my $answer, 4096);
    print "$answer\n";
    $answer =~ m{^HTTP/1.1 200 } or exit 1;
    $s->syswrite("$ENV{WHO};");
    print <$s>' "$@"
}

# Performs a system call, given its numbers on x86-64 and on ARM.
call() {
  perl -e '
    my ($x86, $arm, @a) = @ARGV;
    my $n = `uname -m` =~ /x86_64/ ? $x86 : $arm;
    @a = map { /^-?\d+$/ ? $_ + 0 : /^hex:(.*)/ ? pack("H*", $1) . "\0" x 128 : $_ } @a;
    syscall($n, @a) != -1 or die "$!\n"' "$@"
}

# Prints the name of the first process, which shows the PID namespace.
first() {
  local first
  read -r first </proc/1/comm
  echo "process 1 is $first"
}

# Prints the process id of the keeper.
keeper() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm")" = ccc-keeper ] && echo "${process#/proc/}" && return
  done
  echo 'no keeper'
  return 1
}
"#;
