/** Where a lab's relays listen. */
export const RELAY_PORTS = { libp2p: 4001, http: 4080 } as const
