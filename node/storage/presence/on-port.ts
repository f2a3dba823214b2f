/** The same multiaddrs at another port, of TCP and UDP; addresses of several ports get as many that follow it. */
export function onPort(multiaddrs: readonly string[], port: number): string[] {
  const ports = [...new Set(multiaddrs.flatMap(address => PORT.exec(address)?.[2] ?? []))]
  return multiaddrs.map(address =>
    address.replace(PORT, (_, kind: string, known: string) => `/${kind}/${port + ports.indexOf(known)}`),
  )
}

const PORT = /\/(tcp|udp)\/(\d+)/
