/** The same multiaddrs at another TCP port; addresses of several ports get as many that follow it. */
export function onPort(multiaddrs: readonly string[], port: number): string[] {
  const ports = [...new Set(multiaddrs.flatMap(address => TCP.exec(address)?.[1] ?? []))]
  return multiaddrs.map(address =>
    address.replace(TCP, (_, known: string) => `/tcp/${port + ports.indexOf(known)}`),
  )
}

const TCP = /\/tcp\/(\d+)/
