/** Secrets in what a user typed, on its way back to them: a wrong flag or a mistyped address is repeated in messages. */

const PASSWORDS: readonly RegExp[] = [
  // A database's address may hold anything before its last @, rightly escaped or not.
  /(postgres(?:ql)?:\/*[^\s/:@]*:)\S*(?=@)/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/]*(?=@)/gi,
];

const PARAMETERS =
  /([?&](?:(?:x-amz-|x-goog-)?(?:signature|credential|security-token)|sig|token|access_token|key|api_?key|password|sslpassword|sslkey)=)[^&\s"]*/gi;

/** The text with passwords and signatures in addresses as `***`. */
export function redact(text: string): string {
  return [...PASSWORDS, PARAMETERS].reduce((shown, secret) => shown.replace(secret, '$1***'), text);
}
