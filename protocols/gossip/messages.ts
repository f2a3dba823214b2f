import type { Certificate } from '../../codec/types.ts'
import { type Message, message, WireCertificate } from '../wire.ts'

/** A certificate of availability, as gossip carries it. */
export const CertifiedMessage: Message<Certificate> = message('CertifiedMessage', WireCertificate)
