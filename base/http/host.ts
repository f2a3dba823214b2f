/** The names of the own machine, as a Host header and a URL have them. */
export const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** The name in a Host header, without its port, in lower case; IPv6 addresses keep their brackets. */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}
