"""Words for who somebody is, how to reach them and what is known about them.

Data only; how it is read: ``masking.vocabulary``.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "email": {
        Context.ANY: """
            adr mail, posta elettronica, indirizzo email, e mail addr,
            email, e mail, email address, email addr, mail address, mail addr, mailaddress, emailid,
            email id, correo electronico, courriel, adresse mail, adresse email, direccion email,
            endereco email, mailadresse, mail adresse, emailadresse, email adresse, emails, correo, paypal,
            correo e, correo electr, mail perso, mail pro, mail privat, mail geschaeftlich, secondary mail, recovery
            mail, contact mail, private mail, work mail, mail personal, username email, login email, billing mail,
            invoice mail
        """,
        Context.SOLO: """
            mail, mails, mel, bcc recipients, cc recipients
        """,
    },
    "phone": {
        Context.ANY: """
            tfno, tfn fijo, priv tel, tel priv, tel pro, tel bureau, num tfno,
            caller number, callee number, caller id number, calling number, called number, from number,
            to number, ani, cli number, whatsapp no, viber, tlf, tlfn, telf, tel portable, tel fixe,
            tel mobile, num telefono, nro telefono, telephone portable, telephone fixe, telefonnr privat,
            mobile no, mobilephone, phone, phone number, phone num, phone no, telephone, telephone number,
            mobile number, mobile phone, cell phone, cellphone, cell number, telefon, telefonnummer,
            telefon nummer, telefonnr, handynummer, handy nummer, mobilnummer, mobiltelefon, rufnummer,
            telefono, telefone, numero telephone, numero de telephone, num tel, numero telefono,
            numero de telefono, numero movil, celular, msisdn, phonenumber, fax number, faxnummer,
            whatsapp number, phones, contact number, contact no, home phone, work phone, phone ext,
            phone extension, sms number, telno,
            tel movil, telefono movil, telefono fijo, telefone fixo, telefone movel, tel domicile, tel perso,
            telephone perso, landline number, fixed line number, sms phone, whatsapp phone, privatnummer,
            rueckrufnummer, callback number, dialed number, ani number, emergency tel,
            vendor mobile, vendor phone, seller phone, seller mobile, owner mobile, evening phone, daytime phone,
            day phone, night phone, parent phone, guardian phone, emergency phone, emergency mobile, tel urgence,
            telefono urgencias, telefone recado, celular contato, contacto telefono, contact phone, phone home,
            phone work, phone mobile, phone cell, phone1, phone2, tel1, tel2, mobile1, mobile2,
            a party, b party, a party number, b party number, calling party, called party, calling party
            number, called party number, anumber, bnumber, dnis, originating number, terminating number,
            orig number, rufnummer anrufer
        """,
        Context.SOLO: """
            mobile, cell, tel, fax, handy, mobil, movil, portable, whatsapp, telefax, gsm, telemovel,
            caller, callee, landline, hotline personal, festnetz, fijo, fixe
        """,
    },
    "person_name": {
        Context.ANY: """
            nom completo, nombre completo cliente, nm completo, nome completo cliente, nominativo, ref phys name,
            phys name, adj name, clmnt name, claimant nm, crd hldr, card hldr, acct hldr name, account hldr,
            contact nm, cntct name, pt name,
            pref name, preferred name, legal name of holder, homeroom teacher, tenant full name,
            subscriber name, donor name, player name, speaker name, witness name, victim name, suspect name,
            resident name, worker name, manager name, supervisor name, teacher name, instructor name,
            embossed name, claimant name, parent name, agent name, visitor name, reporter name, koinh,
            cc owner, card owner, author name, reviewer name, commenter name, full legal name, person name,
            customer name, cardholder name, cardholder, card holder, card holder name, name on card,
            account holder, account holder name, patient name, employee name, student name, client name,
            contact name, contact person, staff name, user full name, passenger name, guest name,
            recipient name, beneficiary name, emergency contact, emergency contact name, next of kin,
            mother maiden name, mothers maiden name, mother name, father name, spouse name, kundenname,
            vollstaendiger name, ansprechpartner, kontoinhaber, karteninhaber, nom complet, nom client,
            nom du client, titulaire, nombre completo, nombre cliente, nombre y apellidos,
            nombre del cliente, titular tarjeta, nome completo, nome cliente, nome do cliente,
            titular cartao, mitarbeitername, patientenname, doctor name, physician name, sender name,
            receiver name, shipping name, billing name, ship name, nom prenom, insured name,
            tenant name person, lead name, member name, owner name, buyer name, seller name, driver name,
            attendee name, candidate name, applicant name, nom patient, alias name person, signatory,
            attending md, attending doctor, attending physician, referring physician, treating physician, primary
            care physician, referring doctor, medecin traitant, pax name, pax nm, passenger nm, versicherungsnehmer,
            versnehmer, vers nehmer, full nm, nome mae, nome pai, nombre padre, nombre madre, nom mere,
            nom pere, prenom nom, name of insured, name of holder, complete name of person, legal representative,
            representante legal, persona contacto, persona de contacto, pessoa contato, personne a contacter,
            personne contact, nom contact, nombre contacto, nome contato,
            nome social, nom usage complet, household head name, head of household, hh head name, head
            of family, chef de famille, jefe de hogar, chef menage, operator name, pilot name, inspector name,
            chauffeur name, crew name, referent name, buyer nm, consignee name, consignee, addressee, destinataire,
            destinatario, empfaenger, empfaenger name, absender name, expediteur, remitente, remetente,
            unterzeichner, signataire, firmante, assinante, signed by name, name of deceased, deceased name, name of
            child, child name, childs name, mother tongue name, teacher nm, nombre social, nombre preferido, nom
            prefere, nombre medico, nom medecin, nome medico, arztname, arzt name, dr name, surgeon name, nurse
            name, therapist name, dentist name, lawyer name
        """,
        Context.PEOPLE: """
            name, legal name, real name, preferred name, display name, complete name, nom, nombre, nome,
            contact, name1, title of courtesy name, known as, aka, alias, former name, names
        """,
        Context.PERSONAL: """
            full name, fullname, name full, complete name
        """,
        Context.CARD: """
            holder, name, owner
        """,
        Context.SOLO: """
            customer, patient, employee, doctor, physician, surgeon, nurse, teacher, student, supervisor,
            passenger, salesperson, cashier, instructor, assignee, recipient, beneficiary, applicant,
            borrower, claimant, insured, policyholder, caregiver, guardian, spouse, kunde, mitarbeiter,
            patientin, sachbearbeiter, cliente, empleado, paciente, medico, alumno, funcionario, aluno,
            vendedor, initials, subject initials, patient initials,
            hausarzt, defendant, plaintiff, judge, attorney, lawyer, guarantor, attending, medecin, nok, next kin,
            cohabitant, roommate, trustee, testator, heir, tutor legal, betreuer, bevollmaechtigter
        """,
    },
    "given_name": {
        Context.ANY: """
            vorn, vornam, mid init, middle init, second given name,
            vorna, first name, firstname, given name, givenname, forename, fname, middle name, middlename,
            mname, middle initial, second name, christian name, vorname, rufname, prenom, primer nombre,
            segundo nombre, nombre pila, nombre de pila, nombres, primeiro nome, prenome, first names,
            firstnm, frst name, f name, m name, name first, given names, preferred first name, nome proprio,
            prenoms,
            forenames, other names, othernames, middle names, call name, vornamen, baptismal name, nombre propio
        """,
        Context.PEOPLE: """
            first, given, forename initial
        """,
    },
    "family_name": {
        Context.ANY: """
            cogn, nom usage, nom d usage, nom marital, nom epouse, ape paterno, ape materno, apellido 1,
            apellido 2, birth surname, name at birth,
            nachn, nachnm, last name, lastname, surname, family name, familyname, lname, maiden name,
            second surname, nachname, familienname, geburtsname, zuname, nom famille, nom de famille,
            nom naissance, nom jeune fille, apellido, apellidos, primer apellido, segundo apellido,
            apellido paterno, apellido materno, sobrenome, ultimo nome, apelido, last names, lastnm, l name,
            name last, birth name, sur name, surnames,
            geb name, geburts name, maedchenname, nom jf, nom d epouse, surname prefix, previous surname, former
            surname, apellido casada, nome de familia,
            nom usuel, nom patronymique, ledigname, lediger name, nome solteira, nome de solteira, apellido soltera,
            married name, name prefix surname, apellido uno, apellido dos
        """,
        Context.PEOPLE: """
            last
        """,
    },
    "username": {
        Context.ANY: """
            login, username, user name, screen name, login name, loginname, user login, nickname, nick name,
            benutzername, nutzername, nom utilisateur, nom d utilisateur, nombre usuario, nombre de usuario,
            nome usuario, nome de usuario, pseudo utilisateur, account name user, uname, usrname, login id,
            login id, account login, signin name, user handle, account handle, kennung benutzer, benutzerkennung,
            identifiant connexion,
            gamer tag, gamertag, pen name, screenname, forum name, account nickname, alias user, chat name, network
            login, windows login, ad account name, samaccountname, user principal name, upn
        """,
        Context.SOLO: """
            nick, pseudo, userid name
        """,
        Context.PEOPLE: """
            handle
        """,
    },
    "social_profile": {
        Context.ANY: """
            socialnetworks, social networks, social network, social media, jabberid, jabber id, snapchat,
            social profile, social profiles, social links, discord id, wechat id, line id, mastodon handle,
            tiktok handle, youtube handle, twitter handle, twitter username, linkedin url, linkedin profile,
            facebook id, facebook url, instagram handle, instagram username, skype id, skype name,
            telegram id, telegram username, twitter url, github username, social media handle, linkedin id,
            insta handle, ig handle, fb profile, facebook profile, x handle, twitter id, xing url, github profile,
            steam id, xbox live id, psn id, riot id, twitch username, twitch id, spotify id, strava id, orcid
        """,
        Context.PEOPLE: """
            youtube, googleplus, tiktok, mastodon, discord, threads, bluesky, github, gitlab username,
            pinterest, xing profile, blog, linkedin, twitter, facebook, instagram, skype, telegram, wechat,
            icq, aim, jabber, yim, xing, website, homepage, personal url
        """,
    },
    "street_address": {
        Context.ANY: """
            mail street, mail address line, anschr, dir particular, dir postal, indir res, indirizzo,
            indirizzo residenza, address ln, addr ln,
            address, adress, addresse, pickup address, dropoff address, stras, domicilio fiscal,
            street and number, building number, flat number, street address, home address, postal address,
            mailing address, billing address, shipping address, delivery address, address line,
            address line1, address line2, addr line, residential address, street name, street line,
            house number, apartment number, apt number, anschrift, strasse, hausnummer, haus nummer,
            strassenname, wohnadresse, lieferadresse, rechnungsadresse, postanschrift, adresse postale,
            adresse domicile, adresse livraison, adresse facturation, rue, domicilio, calle,
            direccion postal, direccion envio, endereco, logradouro, morada, address1, address2, addr1,
            addr2, ship address, bill address, po box, street1, street2, str nr, full address,
            permanent address, current address,
            street name and number, haus number, hausnr, haus nr, address street, house no, house name, house name or
            number, building name
            address, unit number address, complement address, complemento endereco, colonia calle, strasse
            hausnummer, str hausnr, adr ligne, lieu dit, numero voie, nom voie, libelle voie, domicilio particular,
            domicilio legal, calle y numero, calle numero, numero exterior, numero interior,
            calle numero exterior, residential addr, correspondence address, present address, temporary address,
            registered address person, addr perm, addr corr,
            piso puerta, escalera piso puerta, portal piso, domicilio calle, num exterior, num interior, domicilio
            actual, domicilio completo, endereco residencial, endereco completo, numero casa, complemento, adresse
            complete, complement adresse, numero rue, num rue, num voie, adresse actuelle, wohnanschrift,
            meldeadresse, adresszeile, adresszusatz, anschrift zeile, address text, address full, address
            complement, home addr, res addr, work address, office address, dest address, destination address, origin
            address, sender address street, consignee address, recipient street
        """,
        Context.SOLO: """
            addr, addresses, adresse, adressen, adr, direccion, direcciones, street, residence,
            wohnort adresse
        """,
    },
    "city": {
        Context.PLACE: """
            localite, cidade nome, nome cidade, nm cidade, nm bairro, city code,
            city village, city, town, suburb, village, ort, stadt, wohnort, ville, commune, ciudad,
            localidad, municipio, cidade, localidade, bairro, city name, city town, neighborhood,
            neighbourhood, district name, residence city,
            poblacion, town city, ortsteil, stadtteil, quartier, borough, freguesia, distrito,
            colonia,
            ortsname, city nm, nom ville, nom commune, nombre ciudad, nombre localidad, nom localite, wohngemeinde
        """,
        Context.ANY: """
            mail city,
            home city, home town, hometown, shipping city, billing city, ship city, bill city, wohnort,
            ciudad residencia, ville residence, ville de residence, cidade residencia, city of residence, town of
            residence, place of residence, lugar residencia, lieu residence, wohnsitz,
            dest city, destination city, recipient city, consignee city, sender city, ortsname wohnort, city of
            birth residence
        """,
        Context.PEOPLE: """
            location, ubicacion, localisation, current city, current location
        """,
    },
    "postcode": {
        Context.ANY: """
            mail zip, zip cd, zip code, post cd, postal cd,
            pstlz, zip code, zipcode, postal code, postalcode, postcode, post code, zip5, zip4, zip plus,
            plz, postleitzahl, code postal, codigo postal, cep code, cap postale, shipping zip, billing zip,
            ship zip,
            cod postal, cod post, postal, postal zip, zip postal code, plz ort,
            dest zip, dest postcode, destination zip, recipient zip, recipient postcode, consignee zip, sender zip
        """,
        Context.SOLO: """
            zip, cep,
            postal
        """,
        Context.PLACE: """
            cp
        """,
    },
    "birth_date": {
        Context.ANY: """
            date nais, dt nais, dt nascita, data nascita, fec nacim, dat nasc,
            data nasc, nasc, geb dat, geburts datum, geb, fecha nac, fch nac, gbdat, dat naiss, date naiss,
            birthdt, birth date time, birth date, birthdate, date birth, date of birth, dob, d o b,
            birthday, birth day, born on, born date, geburtsdatum, geburtstag, geb datum, gebdat, gebdatum,
            date naissance, date de naissance, ddn, naissance, fecha nacimiento, fecha de nacimiento,
            fec nac, data nascimento, data de nascimento, dt nasc, nascimento, nacimiento, birth dt,
            dob date, bday, birth timestamp, brthdt, brthdat,
            dateofbirth, date birth person, fnac, f nac, fnacimiento, f nacimiento, fecha nacim, fec nacimiento, fch
            nacimiento, dtnasc, datanasc, data de nasc, d naissance, datenaiss, geburtsdat, gebtag, geb tag, birth
            d, birthdy,
            dateofbirth text, bdate, birth dte, dob text, dob year month day, data nasc cliente, nascita data, nato
            il giorno, gebursdatum, geb am, geboren am, nee le, ne le, nacido el, nascido em
        """,
        Context.SOLO: """
            born, birth, geboren
        """,
    },
    "birth_year": {
        Context.ANY: """
            gebjahr, birth yr, jahr geburt,
            birth year, year birth, year of birth, birth month, geburtsjahr, annee naissance,
            ano nacimiento, ano nascimento, birth yr, yob, month of birth, day of birth, gender birth year
        """,
    },
    "birth_place": {
        Context.ANY: """
            born in, ville naissance, ville de naissance, pays naissance, pays de naissance,
            ciudad nacimiento, pais nacimiento, cidade nascimento, birth place, birthplace, place of birth,
            city of birth, country of birth, birth city, birth country, geburtsort, lieu naissance,
            lieu de naissance, lugar nacimiento, lugar de nacimiento, local nascimento, naturalidade,
            placeofbirth, countryofbirth, cityofbirth, pob, birth town, birth state, birth province, birth location,
            geburtsland, localidad nacimiento, municipio nacimiento, naturalidad
        """,
        Context.PEOPLE: """
            born in, birthplace city
        """,
    },
    "death_date": {
        Context.ANY: """
            death date, date of death, deathdate, date death, deceased date, dod, sterbedatum, todestag,
            date deces, fecha defuncion, data obito, died on, dthdt,
            dateofdeath, date of decease, deceased on, verstorben am, fecha muerte, fecha fallecimiento, data
            falecimento
        """,
    },
    "age": {
        Context.ANY: """
            patient age, customer age, age years, age in years, age at admission, user age,
            age at diagnosis, anchor age, age group person
        """,
        Context.PEOPLE: """
            age yrs, age yr, age in yrs,
            age, alter, edad, idade, age group, age range, altersgruppe
        """,
        Context.MEDICAL: """
            age yrs, age yr, age years,
            age
        """,
    },
    "gender": {
        Context.PERSONAL: """
            tp sexo, sex cd,
            gesch, civility, gender, sex, geschlecht, sexe, sexo, genero, genre civil, gender identity,
            gender code, sex code, gender name, anrede, civilite, pronouns, gender identification,
            biological sex, salutation,
            sexe code, code sexe, geschlecht code, gender cd, sex at birth, assigned sex, sexo paciente, sexo
            cliente, salutation code, honorific
        """,
    },
    "nationality": {
        Context.ANY: """
            natlty, natlty cd, natl, nat cd, nation of citizenship, citizenship status,
            natio, nationality, citizenship, country of citizenship, staatsangehoerigkeit,
            staatsangehorigkeit, nationalitaet, nationalite, nacionalidad, nacionalidade,
            immigration status, visa status, residency status,
            staatsang, staatsangeh, citizenship code, citizen status, pays nationalite, country of nationality, pais
            nacionalidad,
            nationality code, nationality country, pays nationalite code, pais origen persona, country origin
            person, herkunftsland, geburtsland staat, pasaporte pais nacionalidad
        """,
        Context.PEOPLE: """
            nac, nation, nat
        """,
    },
    "marital_status": {
        Context.ANY: """
            mar stat, mar status, marital cd, mrtl stat, familienst,
            marital status, marital, civil status, familienstand, etat civil, situation familiale,
            estado civil, marriage status, maritalstatus,
            relationship status, civil state, situation matrimoniale, situacao conjugal, situacion conyugal,
            matrimonial status, spouse status,
            fam stand, famstand, fam stat, zivilstand, est civil, sit familiale, etat civ, estado civ, edo
            civil, civil stat
        """,
    },
    "income": {
        Context.ANY: """
            ansal, jahresgehalt brutto, salary, salaries, annual salary, base salary, gross salary,
            net salary, hourly wage, wage, wages, income, annual income, yearly income, monthly income,
            household income, compensation amount, base pay, pay rate, hourly rate employee, gross pay,
            net pay, bonus amount employee, gehalt, lohn, einkommen, bruttogehalt, nettogehalt,
            jahresgehalt, salaire, salaire brut, salaire net, revenu, revenus, salario, salario bruto,
            ingresos, sueldo, nomina, renda, renda mensal, remuneracao, net worth,
            annual inc, monthly inc, gross inc, net inc, yearly inc, income amount, salary amount, salary per month,
            monthly salary, weekly wage, hourly pay, pay amount employee, take home pay, stundenlohn, monatslohn,
            monatsgehalt, jahreseinkommen, nettoeinkommen, bruttoeinkommen, salaire mensuel, salaire annuel, revenu
            mensuel, revenu annuel, revenu fiscal, salario mensual, salario anual, salario mensal, ingreso mensual,
            ingresos mensuales, sueldo mensual, renda familiar, rendimento,
            net a payer, net imposable, brut mensuel, salaire base, salaire de base, salario base, lohnsumme,
            nettolohn, bruttolohn, nettobetrag lohn, grundgehalt, jahresbrutto, monatsbrutto, bonus amount,
            bonus pct employee, severance, stock grant value, total compensation, comp total, ctc, annual ctc, take
            home, wage rate, wage amount, hourly wage rate, pension amount, rente betrag, pensao valor, benefit
            income, disposable income, faixa salarial, nivel ingresos, tranche revenus,
            ann inc, mthly inc, monthly inc, mon inc, hh inc, household inc, ann salary, mthly salary, hrly rate, hrly
            wage, taux horaire, salaire horaire, brut annuel, net mensuel, proventos, arbeitsentgelt,
            besoldung, bezuege, remuneration, remuneracion, emoluments, salario hora, sueldo bruto, sueldo
            neto, ingreso anual, ingresos anuales, renda anual, salaire brut annuel, jahreslohn
        """,
        Context.PEOPLE: """
            compensation, commission pct, bonus, pay
        """,
    },
    "credit_score": {
        Context.ANY: """
            credit score, credit rating, fico, fico score, schufa, schufa score, bonitaet, bonitat,
            creditworthiness, score credito
        """,
    },
    "photo": {
        Context.PEOPLE: """
            photo, picture, portrait, signature, avatar image, passfoto, foto, unterschrift, firma imagen,
            headshot,
            photo url, picture url,  portrait url, signature url, foto url
        """,
        Context.ANY: """
            selfie, selfie url, selfie image, mugshot, headshot url, id scan, passport scan, document scan,
            passport photo, id photo, signature image, profile photo, face image, profile picture,
            id photo url, headshot image
        """,
    },
}
