// Stands in for send_email. It says that an email was not sent.

export default function email({ name }) {
	return {
		async send({ from, to }) {
			console.log(`env.${name}: the email from ${address(from)} to ${address(to)} was not sent: the local platform sends none`);
			return { messageId: crypto.randomUUID() };
		},
	};
}

function address(value) {
	if (Array.isArray(value)) return value.map(address).join(", ");
	return typeof value === "object" && value !== null ? value.email : String(value);
}
