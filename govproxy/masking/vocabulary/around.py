"""Words beside a phrase: what takes its meaning away, and what changes nothing. Data only."""

from __future__ import annotations

from govproxy.masking.vocabulary.context import words_in as _words

# Phrases that take a shorter one's meaning away.
NOT_PERSONAL = """
    customer number, employee number, doctor number, physician number, teacher number, student number,
    supervisor number, passenger number, recipient number, beneficiary number, applicant number,
    borrower number, claimant number, insured number, policyholder number, kunde number, mitarbeiter number,
    cliente number, empleado number, alumno number, funcionario number, vendedor number, customer code,
    employee code, customer group, customer segment, customer class code, cliente codigo, student code,
    smtp address, imap address, pop address, node address, endpoint address, proxy address, gateway address,
    broker address, cluster address, rpc address, http address, api address, url address, dns address,
    service address, socket address, register address, virtual address, physical address space, token address,
    pool address, factory address, nft address, multicast address, broadcast address, device address,
    modbus address, bus address, source code address, instruction address, return address offset,
    symbol address, load balancer address, loopback address, upstream address, backend address, host address,
    address id type, address verification, address lookup, address template, address label, address type code,
    address valid, address hash index, login attempts, login failures, login enabled, login at,
    login notification, required for login, login form, login button, login token, login ip, login key,
    secret key, login history, login streak, login banner, secret type, secret level, secret mission,
    login error, login title, login text, login bonus, login session, login message, file name, filename,
    host name, hostname, table name, column name, schema name, product name, event name, company name,
    bank name, school name, class name, domain name, display name template, category name, country name,
    state name, language name, role name, group name, team name, project name, job name, task name, queue name,
    index name, server name, service name, app name, application name, brand name, model name, item name,
    store name, shop name, department name, plan name, channel name, tag name, field name, key name, type name,
    code name, db name, database name, path name, bucket name, image name, function name, method name,
    device name, campaign name, template name, web address, memory address, base address, contract address,
    server address, bind address, network address, listen address, last login, first login, login count,
    language age, payment method, payment card type, card brand, card type, card color, card holder type,
    session timeout, session count, session duration, session type, session start, session end, cookie policy,
    token type, token count, token usage, tokens used, max tokens, prompt tokens, completion tokens,
    total tokens, token limit, token symbol, public key, primary key, foreign key, sort key, partition key,
    key size, cache key, idempotency key, object key, s3 key, natural key, secret name, secret version,
    secret santa, mail server, mail host, mail port, mail template, mail queue, email server, phone model,
    phone brand, phone os, mobile app, mobile os, cell type, cell line, street type, birth weight, birth rate,
    birth order, death rate, death count, race distance, race id, race time, race date, race name, race result,
    age days, age seconds, age hours, account age, page age, cache age, max age, min age, age limit, age rating,
    pin code area, pin count, pin position, pin map, map pin, pin board, pin color, pass rate, pass count,
    pass fail, boarding pass, pass mark, pass grade, bus pass, pan zoom, pan angle, fax server, contact type,
    contact method, contact reason, contact form, login page, login url, login method, login provider,
    login type, salt level, salt content, salt water, sea salt, sin value, religion code table, condition type,
    sex ratio, gender ratio, user agent family, user agent type, ip range, ip version, ip protocol,
    ip allocation, zip file, zip path, zip size, zip archive, gzip, credit note, credit limit, credit card type,
    credit card brand, account name, account type, handle time, handle count, city tier, city population,
    town hall, net worth category, wage type, income account, income type, income statement, salary grade,
    salary band type, bonus points, bonus type, bonus round, pay period, pay date, pay method, pay grade,
    pay frequency, height px, image height, image width, signature algorithm, signature valid,
    signature version, picture size, tax code, dose unit, result code, result set, job result, test result,
    portable version, session number, session title, session name, session room, auth method, auth type,
    auth provider, auth source, lab value unit, token name, token decimals, token standard, cell value, cell x,
    cell y, pass through, mail type, mail class, mobile version, cell color, fingerprint hash, file fingerprint,
    build fingerprint, api key name, api key label, access token name, account number format,
    coordinates system, coordinate system, certificate fingerprint, address book, address count, address format,
    address space, address range, address family, password policy, password length, handicap parking,
    wheelchair access, handicap golf, faith based, marital code table, race condition, race track, phone code,
    dial code, phone prefix, country phone code, passport country, passport issuing country, portrait mode,
    photo count, gps enabled, geo restriction, geo region, gps accuracy, auth level, author name template,
    nom produit, nombre producto, nome produto, nom fichier, nombre archivo, nome arquivo, dateiname,
    produktname, firmenname, nom entreprise, nom societe, nombre empresa, nome empresa, nombre pais, nom pays,
    spaltenname, tabellenname, geraetename, session language, street lighting, username format,
    prescription required, prescription type, allergy warning, allergy info, condition expression,
    condition text, birthday discount, medication class
"""

# After a phrase: the column holds something about the value, not the value.
CANCEL_AFTER = _words(
    """
    company timezone tz country province id ids uuid guid key keys at date datum time ts timestamp datetime day
    days month months hour hours minute minutes second seconds count counts cnt counter total totals sum avg
    average min max type types kind kinds flag flags status state verified verification confirmed confirmation
    valid validated validation validity invalid active enabled disabled required optional optin optout opt in
    out allowed blocked locked consent consented subscribed subscription unsubscribed unsubscribe opened clicked
    sent bounced bounce delivered delivery notification notifications notify notified alert alerts reminder
    reminders preference preferences pref prefs setting settings config configuration template templates subject
    body content contents campaign campaigns queue log logs logging history version versions format formats
    length size policy policies rule rules strength attempts attempt retries retry failures failed limit limits
    quota expires expiry expired expiration expire ttl duration age changed updated update modified created
    creation reset provider providers server host port protocol model brand os platform category categories
    group groups class classes classification level levels tier rank ranking priority sort order position index
    idx sequence seq label labels caption title titles description desc url uri link path file files filename
    folder table column field fields schema domain domains tld region lang language locale currency unit units
    precision accuracy confidence score source origin channel method mode algorithm algo cipher percent
    percentage pct ratio rate rates weight factor offset width height color colour style icon visible visibility
    hidden public private shared display needed missing available exists present usage used quality checked
    check checks matched match matches duplicate deduped synced sync imported exported migrated masked redacted
    anzahl zeit typ art aktiv gueltig gesendet bestaetigt nb valide verifie envoye actif activo verificado
    enviado ativo verificada fecha cantidad tipo estado quantidade situacao statut system scheme standard sets
    set notice tracking tracked manager supported support error errors result results reason reasons note notes
    comment comments
    """
)

# Before a phrase: a claim, a count or an instruction.
CANCEL_BEFORE = _words(
    """
    is has have can should must may will was were did does do no not without num count counts nb n total sum avg
    max min allow allows allowed require requires required enable enabled disable disabled use uses show hide
    send sends sent receive receives accept accepts force forced ask verify verified validate check mask masked
    encrypt ist hat kann soll anzahl est peut es tiene puede tem pode qtd qtde notify opt wants want needs need
    ignore auto generate skip include exclude invalid unique missing bounced
    """
)

# Words that change nothing.
NEUTRAL = _words(
    """
    address numbers nbr portable cell fixe phonetic kana furigana romaji casa celular pessoal change str dtm chr
    fld vc txt var col primary secondary main alt alternate alternative other another additional extra second
    first third last old new current previous prev original orig former home work office business private
    personal professional day evening night emergency billing bill shipping ship delivery deliver mailing
    invoice invoicing recovery backup official legal full raw plain clear text value val values string number no
    nr num nummer numero data info details line part enc encrypted encr hash hashed sha md crypt digest
    normalized normalised canonical lower upper clean cleaned formatted local international intl national
    default preferred unconfirmed reply from to cc bcc sender recipient receiver registered registration signup
    contact contacts account acct fk c f l s t a b x my our their the of for and or de del du des la le les el
    los las do da dos das der die den von facturation livraison domicile travail bureau facturacion envio
    trabajo particular cobranca entrega residencial comercial privat geschaeftlich dienstlich rechnung lieferung
    lieferanschrift rechnungsanschrift fijo fixo principal secundario secondaire ext extension code area prefix
    suffix tmp temp last4 four digits digit masked snapshot src source dst dest target login logon signin sign
    display public person people
    cm kg lb lbs notfall urgence urgencia emergencia emergenza nood ligne linea linha zeile riga regel perso
    particulier particular domicile numero movil movel mobil festnetz mm yy ind indicator typed written printed
    given corr perm permanent present correspondence whatsapp sms md dr
    dd deg jr sr
    """
)

# A column with such a last word may hold a secret; its values must look random as well.
SECRET_HINTS = _words(
    """
    key keys sid cookie license serial credential nonce schluessel cle clave chave llave
    """
)

# Words that people cut short behind four letters or more, and that little else begins like.
CUT_SHORT = _words(
    """
    religion nationality ethnicity insurance diagnosis salary emergency gender identity allergies medication
    prescription citizenship license telephone beneficiary employee customer patient passenger applicant borrower
    guardian password passport address phone marital residence disability prognosis
    """
)

# Names made of these say nothing: ``col_12``, ``attr_b``.
SAYING_NOTHING = _words(
    """
    column columns col cols field fields attr attribute attributes value values val data datum info item var param
    spalte feld wert champ colonne valeur campo valor columna coluna text txt str date num int misc custom
    extra free reserved unnamed
    """
)
